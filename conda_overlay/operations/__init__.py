"""What can be done to a draft: one module for each operation."""
