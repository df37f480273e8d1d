# conda's shell function for fish: the test bed's own, after the protocol of `conda shell.fish`.
# The text above this, or `conda shell.fish hook`, sets CONDA_EXE, CONDA_PYTHON_EXE, _CONDA_ROOT, _CONDA_EXE.

function __conda_evaluate
    set -l script ($CONDA_EXE shell.fish $argv)
    or return
    eval (string join \n -- $script | string collect)
end

function conda
    switch "$argv[1]"
        case activate deactivate
            __conda_evaluate $argv
        case install update upgrade remove uninstall
            $CONDA_EXE $argv
            and __conda_evaluate reactivate
        case '*'
            $CONDA_EXE $argv
    end
end

if not set -q CONDA_SHLVL
    set -gx CONDA_SHLVL 0
    set -gx PATH (dirname (dirname $CONDA_EXE))/condabin $PATH
end
