"""The values that all folders exchange, the errors, and the conversion of both to text.

Imports none of our modules except a few pure functions of ``activation``.
"""
