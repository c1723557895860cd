#!/usr/bin/env bash
# Installs VS Code (code-server), headless Chromium and Playwright into DIR. Steps that are already done are skipped.
# The first run takes about 4 minutes and 900 MB. Debian packages are installed only if the script runs as root.
# Exit code 3: the programs cannot be installed on this machine; the last line of stderr gives the reason.
set -euo pipefail

CODE_SERVER=4.100.3 # VS Code 1.100.3
PLAYWRIGHT=1.56.1

cannot() {
  echo "$1" >&2
  exit 3
}

dir=$(mkdir -p "${1:?usage: setup.sh DIR}" && cd "$1" && pwd)
exec 9>"$dir/lock"
flock 9 # prevents two test runs from installing into the same folder at the same time

command -v node >/dev/null && command -v npm >/dev/null || cannot "node and npm are not installed"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || cannot "node $(node --version) is older than 20"

if ! { command -v chromium && command -v rg; } >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
    cannot "chromium and ripgrep are not installed, and only root can install them"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium ripgrep; } >"$dir/apt.log" 2>&1 ||
    cannot "apt-get could not install chromium and ripgrep, see $dir/apt.log"
fi

stamp="$dir/installed-$CODE_SERVER-$PLAYWRIGHT"
[ -f "$stamp" ] && exit 0
cd "$dir"
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
if [ -f "$prefix/include/node/node.h" ]; then
  export npm_config_nodedir="$prefix" # otherwise npm downloads node's headers to build the native modules
fi
[ -f package.json ] || echo '{"private": true}' >package.json
{
  # Skip the install scripts, because the one of code-server downloads files that are not on npm. Native modules are
  # built below.
  npm install --no-audit --no-fund --ignore-scripts "code-server@$CODE_SERVER" "playwright-core@$PLAYWRIGHT" &&
    npm rebuild argon2 &&
    cd node_modules/code-server/lib/vscode &&
    npm install --no-audit --no-fund --unsafe-perm --omit=dev --ignore-scripts &&
    npm rebuild @vscode/spdlog native-watchdog &&
    { npm rebuild node-pty || true; } # only terminals need it; the last step of its build fails without npx
} >"$dir/npm.log" 2>&1 || cannot "npm could not install code-server, see $dir/npm.log"
ln -sfn node_modules node_modules.asar
mkdir -p node_modules/@vscode/ripgrep/bin
ln -sf "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg # VS Code's quick open searches for it there
node "$dir/node_modules/code-server/out/node/entry.js" --version >>"$dir/npm.log" 2>&1 ||
  cannot "code-server was installed but does not start, see $dir/npm.log"
touch "$stamp"
