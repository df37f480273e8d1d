"""Explains what there is: status, findings, which copy runs, differences, the calling shell."""
