"""The one way to change an overlay: a draft of the next state, its plan, and its commit.

overlay            the API: open an overlay, look at it, start a draft, change it
draft              the next state under construction; its methods are the changes below
draft_tree         its files: a clone of the current tree, made at the first write
plan, plan_notes   compares two states: the plan of a change; its notes
hiding             modules that are not in effect, for these notes and for reports
commit, verify     the rules and the order of the writes; the check by the host's interpreter
install, entries   pip, through ``resolve``; the entries for the history
requirements_file  reads ``-r FILE``, which may be a pipe, and other files that request
install_exactly    the same files again, by their hashes
update, remove     newer versions; fewer distributions
edit               edits and patches of a copy, and recording edits made by hand
working_copy       the copy that is edited
edit_again         recorded edits, made in another version
note               another reason, intent or date
undo, restore      to the files of another revision: undo and redo; where these files are
repair             missing and damaged files
apply, rebase      the content of an exported file; adapted to the present host
"""
