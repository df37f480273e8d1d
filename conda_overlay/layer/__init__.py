"""Overlays on disk: the layers over a host, their revisions, and the files that we add to each.

stack          which layers a host has, in which order, and which one is written
store          one overlay's directories, lock, drafts and link; the only writer of these
revision       ``record.json``, one for each revision
host_file      which host an overlay is for, as activation reads it
index          the metadata and RECORDs of a tree, kept so that they are read once
state          one tree as it is, with its entries in the history
present        an overlay as it is now, without its environment, which may be gone
behind         the layers behind an overlay
shared         whether others can read a layer, and trust its owner
timeline       where `undo` and `redo` lead
retention      which old trees can be dropped
scaffolding    our own files in a tree: the guard, the interpreter, pip
scripts        the first lines of scripts, so that they run with the overlay from anywhere
checkouts      the checkouts of editables
"""
