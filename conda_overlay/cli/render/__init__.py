"""The only printers: results as text or as JSON, and the progress of long steps."""
