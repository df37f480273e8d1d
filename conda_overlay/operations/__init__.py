"""What can be done with an overlay: one module for each operation that changes it."""
