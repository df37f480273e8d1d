"""Reports: status, findings, which copy runs, differences, and the wiring of the calling shell.

status     all that ``conda overlay status`` shows
merged     every distribution in effect
overlays   all overlays in the overlay directories
checks     the findings: the problems of an overlay
why        which copy of something runs, and who put it there
history    the revisions, and what has become of them
diff       the files in which two revisions differ
shell      whether the calling shell is wired
audit      the overlays of all users; audit_summary, audit_files: for the next environment
"""
