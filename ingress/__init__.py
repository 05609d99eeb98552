"""The HTTP edge: authenticate a delivery, seal it in an envelope, append it to the log."""
