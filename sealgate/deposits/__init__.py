"""Payments that are announced, and money that names no payment: the commands about both."""
