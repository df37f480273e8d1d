"""Reports: status, findings, which copy runs, differences, and the wiring of the calling shell.

status   all that ``conda overlay status`` and ``list`` show
checks   the findings: the problems of an overlay
why      which copy of something runs, and who put it there
diff     the files in which two revisions differ
shell    whether the calling shell is wired
"""
