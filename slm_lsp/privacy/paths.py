"""Files that are never read, because their names or folders say that they hold keys or passwords.

The index, prompts and requests use the same rules. Names are compared without regard to case, because some file
systems ignore case. `secrets.py` masks secrets within the files that are read.
"""

import fnmatch
import re

_SECRET_FOLDERS = frozenset({
    ".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", ".gcloud", ".oci", ".secrets", ".vault", ".password-store",
})  # fmt: skip
"""Folders in which tools keep keys and passwords, in lower case."""

_SECRET_FILES = (
    ".env*", "*.env", ".flaskenv*", ".dev.vars*", "*.env.local", "*.env.*.local", "*.env.bak", "*.env.old",
    "*.env.prod*", "*.env.dev*", "*.env.stag*", "env.local", "env.prod*", "env.stag*",
    ".secrets*", "secrets.*", "secret.y*ml", "secret.json",
    # Keys and certificates
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p8", "*.p12", "*.pfx", "*.pkcs12", "*.pk8",
    "*.jks", "*.keystore", "*.bks", "*.crt", "*.cer", "*.der", "*.p7b", "*.csr", "*.ppk", "*.gpg", "*.pgp", "*.agekey",
    "*.keytab", "*.kdb", "*.kdbx", "*.ovpn", "*.mobileprovision", "*.provisionprofile",
    # Files of tools that keep passwords
    ".netrc", "_netrc", ".authinfo*", ".npmrc", ".pypirc", ".htpasswd", "htpasswd", ".pgpass", "pgpass.conf", ".my.cnf",
    ".mylogin.cnf", ".git-credentials", ".dockercfg", ".dockerconfigjson", ".s3cfg", ".boto", ".vault_pass*",
    ".vault-token", "vault_pass*", ".*_history", "kubeconfig", "*.kubeconfig", "*.tfstate", "*.tfstate.*", "*.tfvars",
    "*.tfvars.json", ".terraformrc", "terraform.rc", "local.settings.json", "*.publishsettings",
    # Not `credentials.py`: that is a program that handles credentials.
    "credentials", ".credentials*", "credential", "credentials.json", "credentials.xml", "credentials.y*ml",
    "credentials.toml", "credentials.ini", "credentials.csv", "credentials.txt", "credentials.properties",
    "credentials*.enc", "client_secret*.json", "service-account*.json", "service_account*.json",
    "serviceaccount*.json", "application_default_credentials.json",
)  # fmt: skip
"""Glob patterns of file names, in lower case. `secrets.*` also refuses programs, since firmware projects keep their
passwords in `secrets.py` and `secrets.h`."""

_matches_secret_file = re.compile("|".join(map(fnmatch.translate, _SECRET_FILES))).match


def is_secret_file(name: str) -> bool:
    """Return whether a file's name suggests that it holds secrets. Such a file is never read."""
    return bool(_matches_secret_file(name.lower()))


def is_secret_folder(name: str) -> bool:
    """Return whether a folder's name suggests that it holds secrets. Files in such a folder are never read."""
    low = name.lower()
    return low in _SECRET_FOLDERS or low.startswith(".env")


def is_secret_path(path: str) -> bool:
    """Return whether the name of the file at `path`, or of a folder in `path`, suggests that it holds secrets.

    Args:
        path: a path with `/` between its parts.
    """
    *folders, name = path.split("/")
    return is_secret_file(name) or any(map(is_secret_folder, folders))
