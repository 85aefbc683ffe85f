# Installs checkov, in an environment of its own: it wants other versions than sam does. Sourced, not run;
# `tools` is the folder of all tools.

checkov=3.3.30

install_checkov() {
    if [[ $("$tools/checkov/bin/checkov" --version 2>/dev/null) != "$checkov" ]]; then
        rm -rf "$tools/checkov"
        python3 -m venv "$tools/checkov"
        "$tools/checkov/bin/pip" install --quiet --disable-pip-version-check "checkov==$checkov"
    fi
}
