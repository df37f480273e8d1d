"""The only modules that print for commands: results as text or JSON, and progress."""
