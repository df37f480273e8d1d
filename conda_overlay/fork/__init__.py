"""A regular conda environment of the user's own, made from a baseline and their overlay.

baseline         the packages of an environment, as an exact list
origin           the sources of an existing fork, and the changes since
plan, make       the plan of a fork; the steps to make it
conda_packages   conda's part: records, solver, installation
pip_packages     pip's part
left_out         the files of its baseline that a fork does not have
losses           the work that goes with a fork that is replaced
replace          made beside its prefix, and swapped in
"""
