"""The files that an overlay is exported to, and read from; and how files are downloaded.

document       the values that all formats have in common
overlay_toml   our own format, written and read
exports        the table of formats, and the others, which are only written
pylock         PEP 751
declared       the requirements of dependency groups (PEP 735) and scripts (PEP 723)
download       a file at a URL
"""
