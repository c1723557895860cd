#!/usr/bin/env bash
# Puts a real VS Code (code-server), headless Chromium and what drives them into DIR. May be run again: what is done is
# skipped. About 4 minutes and 900 MB the first time. Debian packages are installed only where we are root.
# Exit code 3: this machine cannot have them, and the last line of stderr says why.
set -euo pipefail

CODE_SERVER=4.100.3 # VS Code 1.100.3
PLAYWRIGHT=1.56.1

cannot() {
  echo "$1" >&2
  exit 3
}

dir=$(mkdir -p "${1:?usage: setup.sh DIR}" && cd "$1" && pwd)
exec 9>"$dir/lock"
flock 9 # two test runs at a time would install into the same folder

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
  export npm_config_nodedir="$prefix" # else the native modules want node's headers from the Internet
fi
[ -f package.json ] || echo '{"private": true}' >package.json
{
  # Without scripts: code-server's own one fetches what is not on npm. Its native modules are built below.
  npm install --no-audit --no-fund --ignore-scripts "code-server@$CODE_SERVER" "playwright-core@$PLAYWRIGHT" &&
    npm rebuild argon2 &&
    cd node_modules/code-server/lib/vscode &&
    npm install --no-audit --no-fund --unsafe-perm --omit=dev --ignore-scripts &&
    npm rebuild @vscode/spdlog native-watchdog &&
    { npm rebuild node-pty || true; } # only terminals need it, and its last step wants npx, after it has been built
} >"$dir/npm.log" 2>&1 || cannot "npm could not install code-server, see $dir/npm.log"
ln -sfn node_modules node_modules.asar
mkdir -p node_modules/@vscode/ripgrep/bin
ln -sf "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg # quick open looks for it there
node "$dir/node_modules/code-server/out/node/entry.js" --version >>"$dir/npm.log" 2>&1 ||
  cannot "code-server was installed but does not start, see $dir/npm.log"
touch "$stamp"
