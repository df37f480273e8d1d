# conda's alias for csh and tcsh: the test bed's own, after the protocol of `conda shell.csh`.
# Sourced without the alias, this file defines it; the alias sources it with the words of a command.

if ("`alias conda`" == "") then
    alias conda 'source "${_CONDA_ROOT}/etc/profile.d/conda.csh" \!*'
    if (! $?CONDA_SHLVL) then
        setenv CONDA_SHLVL 0
        setenv PATH "${_CONDA_ROOT}/condabin:${PATH}"
    endif
    if (! $?prompt) set prompt = ""
else
    set __conda_words = ($argv:q)
    set __conda_shell = ""
    if ($#__conda_words) then
        switch ("${__conda_words[1]}")
            case activate:
            case deactivate:
                set __conda_shell = "activate"
                breaksw
            case install:
            case update:
            case upgrade:
            case remove:
            case uninstall:
                set __conda_shell = "reactivate"
                breaksw
        endsw
    endif
    set __conda_status = 0
    if ("${__conda_shell}" != "activate") then
        "${_CONDA_EXE}" $__conda_words:q
        set __conda_status = $status
    endif
    if ("${__conda_shell}" == "reactivate") set __conda_words = (reactivate)
    if ("${__conda_shell}" != "" && ! $__conda_status) then
        # Within backquotes only separately quoted words stay whole; conda ignores the empty ones.
        set __conda_words = ($__conda_words:q "" "" "")
        # The prompt is no environment variable, but conda computes the new one from it.
        set __conda_script = "`env prompt='${prompt}' '${_CONDA_EXE}' shell.csh '${__conda_words[1]}' '${__conda_words[2]}' '${__conda_words[3]}'`"
        set __conda_status = $status
        if (! $__conda_status) eval "${__conda_script}"
        rehash
    endif
endif

# The alias ends as conda did.
if (! $?__conda_status) set __conda_status = 0
(exit $__conda_status)
