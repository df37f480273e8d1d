"""Reports: status, findings, which copy runs, differences, and the wiring of the calling shell."""
