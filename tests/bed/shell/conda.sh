# conda's shell functions for sh, bash, zsh, dash: the test bed's own, after the protocol of `conda shell.posix`.
# The file above this text, or `conda shell.posix hook`, sets CONDA_EXE, CONDA_PYTHON_EXE, _CE_M, _CE_CONDA.

__conda_exe() {
    # Two of these are empty, save for a conda that runs as `python -m conda`; unquoted, they are no arguments then.
    "${CONDA_EXE}" ${_CE_M:-} ${_CE_CONDA:-} "$@"
}

__conda_hashr() {
    if [ -n "${ZSH_VERSION:-}" ]; then
        \rehash
    else
        \hash -r
    fi
}

__conda_evaluate() {
    # The prompt is no environment variable, but conda computes the new one from it.
    __conda_script="$(PS1="${PS1:-}"; export PS1; __conda_exe "$@")" || return
    eval "${__conda_script}"
    unset __conda_script
    __conda_hashr
}

__conda_activate() {
    __conda_evaluate shell.posix "$@"
}

__conda_reactivate() {
    __conda_evaluate shell.posix reactivate
}

conda() {
    case "${1:-}" in
        activate | deactivate)
            __conda_activate "$@"
            ;;
        install | update | upgrade | remove | uninstall)
            __conda_exe "$@" || return
            __conda_reactivate
            ;;
        *)
            __conda_exe "$@"
            ;;
    esac
}

if [ -z "${CONDA_SHLVL:-}" ]; then
    export CONDA_SHLVL=0
    export PATH="${CONDA_EXE%/*/*}/condabin:${PATH}"
    # An unset prompt would stop the functions under `set -u`.
    PS1="${PS1:-}"
fi
