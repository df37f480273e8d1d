"""The values that all folders exchange, the errors, and how both become text.

Imports nothing of ours except a few pure functions of ``activation``.
"""
