"""What people look at: boards, alert rules and the operator's console."""
