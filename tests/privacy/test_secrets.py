"""Keys and passwords are masked, and other text is not changed.

The keys in this file are not real. Each key is joined from pieces, so that no scanner reports this file as a leak.
"""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.privacy import secrets
from slm_lsp.privacy.secrets import mask

UPPER = "Q7ZK2MWX" + "4VBN6TRA"
MIXED = "aB3dE9" + "fG5hJ2kL" + "7mN4pQ8r" + "S6tU1vW0xYz" + "kR3"
HEX = "9f86d081" + "884c7d65" + "9a2feaa0" + "c55ad015"
DASHES = "-" * 5


def pem(kind: str, body: str) -> str:
    return f"{DASHES}BEGIN {kind}PRIVATE KEY{DASHES}{body}{DASHES}END {kind}PRIVATE KEY{DASHES}"


# In each text, the secret is between « and ».
SECRETS = {
    # Known forms, in any place
    "aws id": f"key = «AKIA{UPPER}»",
    "aws session id": f"('«ASIA{UPPER}»')",
    "github": f"see «ghp_{MIXED}» there",
    "github app": f"«ghs_{MIXED}»",
    "github fine": f"«github_pat_{MIXED}_{MIXED}»",
    "gitlab": f"«glpat-{MIXED[:20]}»",
    "slack": f"«xoxb-1234567890-{MIXED}»",
    "slack hook": f"https://hooks.slack.com/services/«T0{UPPER[:8]}/B0{UPPER[:8]}/{MIXED[:24]}»",
    "stripe": f"sk«_live_{MIXED[:24]}»",
    "google": f"url?key=«AIza{MIXED[:35]}»",
    "npm": f"//registry.npmjs.org/:_authToken=«npm_{MIXED[:36]}»",
    "pypi": f"«pypi-AgEI{MIXED}{MIXED}»",
    "openai": f"client(sk-«{MIXED}»)",
    "anthropic": f"sk-«ant-api03-{MIXED}-{MIXED}»",
    "hugging face": f"«hf_{MIXED[:34]}»",
    "vault": f"«hvs.{MIXED}»",
    "shopify": f"«shpat_{HEX[:32]}»",
    "docker hub": f"«dckr_pat_{MIXED[:27]}»",
    "databricks": f"«dapi{HEX[:32]}»",
    "linear": f"«lin_api_{(MIXED * 2)[:40]}»",
    "telegram": f"bot123456789«:AA{(MIXED * 2)[:33]}»",
    "go with a type": f'const apiKey string = "«{MIXED}»"',
    "jwt": f"t = '«eyJhbGciOiJIUzI1NiJ9.eyJ{MIXED[:20]}.{MIXED}»'",
    "url": "postgres://user:«hunter2»@localhost:5432/db",
    "url without a user": "redis://:«hunter2»@cache",
    "header": f"Authorization: Bearer «{MIXED}»",
    "basic": "curl -H 'Authorization: Basic «dXNlcjpw" + "YXNz»'",
    "header in code": f'headers = {{"Authorization": "Bearer «{MIXED}»"}}',
    "bearer": f'send("Bearer «{MIXED}»")',
    "yaml block": f"password: |\n  «{MIXED}»\nuser: me",
    "yaml folded": f"api_key: >-\n    «{MIXED}»",
    "yaml below": f"token:\n  «{MIXED}»\n",
    "python below": f'API_KEY = (\n    "«{MIXED}»"\n)',
    "python continued": f'API_KEY = \\\n    "«{MIXED}»"',
    "javascript below": f"const apiKey =\n  '«{MIXED}»';",
    "dockerfile": f"FROM debian\nENV API_TOKEN «{MIXED}»\n",
    # Random-looking values of names that mean secrets
    "python": f'API_KEY = "«{MIXED}»"',
    "typed": f'password: str = "«{MIXED[:12]}»"',
    "raw": f"secret = rb'«{HEX}»'",
    "attribute": f'self.client_secret = "«{HEX}»"',
    "keyword": "connect(password='«Tr0ub4dor&3»')",
    "escaped": "password = '«Tr0ub\\'4dor&3»'",
    "subscript": f"os.environ['DB_PASSWORD'] = '«{MIXED[:12]}»'",
    "argument": f"define('DB_PASSWORD', '«{MIXED[:12]}»');",
    "comparison": f'if (token == "«{MIXED}»") {{',
    "javascript": f"  apiKey: `«{MIXED}»`,",
    "rust": f'let token: &str = "«{MIXED}»";',
    "c": f'static const char password[] = "«{MIXED[:14]}»";',
    "macro": f'#define WIFI_PASSWORD "«{MIXED[:14]}»"',
    "go": f'token := "«{MIXED}»"',
    "ruby": f":secret_key_base => '«{HEX}»'",
    "json": f'  "private_key_id": "«{HEX}»",',
    "yaml": f"  password: «{MIXED[:12]}»  # of the database",
    "yaml quoted": f"  api-key: '«{MIXED}»'",
    "ini": f"password=«{MIXED[:12]}»",
    "ini with spaces": f"secret = «{MIXED}»",
    "shell": f"export AWS_SECRET_ACCESS_KEY=«{MIXED}/{MIXED[:4]}»",
    "properties": f"spring.datasource.password=«{MIXED[:12]}»",
    "xml": f"<password>«{MIXED[:12]}»</password>",
    "azure": f"AccountName=x;AccountKey=«{MIXED}{MIXED}==»;",
    "header of a service": f"X-Api-Key: «{MIXED}»",
    "letters only": "token = '«kXqWzPtRvBnYhJcL" + "dFgS»'",
    "hash of a password": "password_hash = '«$2b$12$" + MIXED + "»'",
}

ORDINARY = [
    "password = input()",
    "password = getpass.getpass('Password: ')",
    "token = tokens[i]",
    "token: str",
    "token: str = ''",
    "def login(user: str, password: str, token: Token2 | None = None) -> None:",
    "password = None",
    "password = 'password'",
    "PASSWORD_FIELD = 'user_password_v2'",
    "TOKEN_URL = 'https://example.com/oauth2/token?v=2a'",
    "token_type = 'bearer'",
    "secret_name = 'projects/my-project/secrets/db-password-1'",
    "token = sha256_hex_digest_v2",
    "token = base64.urlsafe_b64encode(data)",
    "token = base64.urlsafe_b64encode;",
    "password = os.environ['DB_PASSWORD']",
    "password: ${DB_PASSWORD}",
    "password = \"${db_password1}\"",
    "password: {{ vault_db_password_2 }}",
    "password = '<your-password-1A2b>'",
    "api_key = 'YOUR_API_KEY'",
    "api_key: changeme123",
    "PASSWORD_PATTERN = r'^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d]{8,}$'",
    "if token == TokenKind.L_PAREN2:",
    "elif token == '#bygroup':",
    "while (token->kind1 != tok2) token = token->next3;",
    "tokens = tokenize('x = a1 + b2')",
    "message = 'The password must have 8 characters, 1 digit'",
    "for token in tokens: yield token",
    "secret_keys = ['password1', 'api_key', 'token']",
    "names = ['.vault-token', 'vault_pass*', '.*_history']",
    f"sha256 = '{HEX}'",
    f'"integrity": "sha512-{MIXED}{MIXED}=="',
    f"token_sha256 = '{HEX}'",
    f"commit = '{HEX}'",
    "f'{scheme}://{user}:{password}@{host}'",
    "url = 'postgres://user:${PASSWORD}@host'",
    "http://localhost:8080/@scope/name",
    "https://example.com:443/a?b=c@d",
    "git@github.com:owner/name.git",
    "headers['Authorization'] = f'Bearer {token}'",
    "Authorization: Bearer <token>",
    "Authorization: Basic authentication.",
    "A bearer authentication_token_of_the_user",
    "class='sk-button-group-with-a-long-name sk-folding-cube-animated'",
    "disk-0123456789abcdef0123456789",
    "ENV TOKEN_FILE /run/secrets/token_v2",
    "ENV PYTHONPATH /usr/lib/python3.11/site-packages",
    "ENV SECRET_KEY $BUILD_SECRET_KEY_2",
    "tokens:\n  first_name_2: x",
    "secrets:\n  - DATABASE_URL_V2\n",
    "secrets:\n  inherit\n",
    "password =\n    read_password_v2(x)",
    "token = (\n    first.token2\n)",
    "tokens = (\n    'L_PAREN_2',\n    'R_PAREN_2',\n)",
    "eyJust",
    "through the_github_pattern",
    f"BEGIN = '{DASHES}BEGIN RSA PRIVATE KEY{DASHES}'\nEND = '{DASHES}END RSA PRIVATE KEY{DASHES}'",
    f"if line.startswith('{DASHES}BEGIN PRIVATE KEY{DASHES}'):\n    return parse(line)",
]  # fmt: skip


@pytest.mark.parametrize("marked", SECRETS.values(), ids=SECRETS)
def test_each_character_of_a_secret_becomes_x(marked: str) -> None:
    text = marked.replace("«", "").replace("»", "")
    wanted = re.sub("«(.*?)»", lambda match: "x" * len(match[1]), marked)
    assert mask(text) == wanted
    assert mask(f"before\n{text}\nafter\n") == f"before\n{wanted}\nafter\n"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_code_is_not_changed(text: str) -> None:
    assert mask(text) == text
    assert mask(f"before\n{text}\nafter\n") == f"before\n{text}\nafter\n"


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_masked_private_key_keeps_its_lines(kind: str) -> None:
    key = pem(kind, f"\n{MIXED}+/{MIXED}\n{MIXED}\nQ==\n")
    x = "x" * len(MIXED)
    assert mask(key) == pem(kind, f"\n{x}xx{x}\n{x}\nxxx\n")


def test_a_masked_private_key_in_a_string_keeps_escapes_and_quotes() -> None:
    assert mask('{"k": "' + pem("", rf"\n{MIXED}\nabc=\n") + '"}') == (
        '{"k": "' + pem("", rf"\n{'x' * len(MIXED)}\nxxxx\n") + '"}'
    )
    begin = f"{DASHES}BEGIN PRIVATE KEY{DASHES}"
    assert mask(f'"{begin}\\n"\n  "{MIXED}\\n"\n  + x') == f'"{begin}\\n"\n  "{"x" * len(MIXED)}\\n"\n  + x'


def test_a_private_key_without_its_last_line_is_masked() -> None:
    begin = f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n"
    assert mask(f"{begin}{MIXED}\n{MIXED}\n\ndef main():\n") == (
        f"{begin}{'x' * len(MIXED)}\n{'x' * len(MIXED)}\n\ndef main():\n"
    )


def test_letters_with_two_characters_in_lower_case_do_not_shift_the_mask() -> None:
    assert mask(f"İİİ TOKEN = '{MIXED}'") == f"İİİ TOKEN = '{'x' * len(MIXED)}'"


PIECES = [
    "password", "token", "_key", "secret", "api_key", " = ", "=", ": ", '"', "'", "`", "\n", "\r\n", "\\", "\\n", " ",
    "\u2028", "İ", "x", "\t", "sk-", "AKIA" + UPPER, "eyJ", ".", "@", "://a:", "Bearer ", "Authorization: ", MIXED, HEX,
    "Tr0ub4dor&3", f"{DASHES}BEGIN PRIVATE KEY{DASHES}", f"{DASHES}END PRIVATE KEY{DASHES}", "(", ")", "{", "<", ">",
    "npm_", "gh", "p_", "define('", "', '", ",", ";", "#",
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=30).map("".join))
def test_masking_keeps_length_and_whitespace_and_is_idempotent(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert all(new in {old, "x"} for old, new in zip(text, masked, strict=True))
    assert [len(line) for line in masked.splitlines(keepends=True)] == [
        len(line) for line in text.splitlines(keepends=True)
    ]
    assert mask(masked) == masked


def test_nothing_is_masked_in_the_sources_of_this_package() -> None:
    for path in Path(secrets.__file__).parents[1].rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert mask(text) == text, path


def seconds(text: str) -> float:
    """Return the processor time of `mask` in seconds, the minimum of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        mask(text)
        times.append(time.process_time() - start)
    return min(times)


def test_masking_takes_milliseconds() -> None:
    """Slow cores took 0.2 ms for 100 lines and 23 ms for a megabyte. The limits are higher, for even slower cores."""
    plain = "def area(width: int, height: int) -> int:\n    return width * height  # through\n"
    assert seconds((plain * 13_000)[:1_000_000]) < 0.1
    own = Path(secrets.__file__).read_text(encoding="utf-8").splitlines()[:100]
    assert seconds("\n".join(own)) < 0.003


@pytest.mark.parametrize(
    "piece",
    ["a", " ", '"', "'", "\\", "\n", "=", "-", "eyJ", "token", "token=", "token='", "token: a", 'token = "\\', "passw",
     "://", "://a:b", "sk-", "Bearer ", "ghp_", f"{DASHES}BEGIN PRIVATE KEY{DASHES}", "define('token', '"],
)  # fmt: skip
def test_repetitive_text_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    text = (piece * 1_000_000)[:1_000_000]
    assert mask(text) == text
    assert time.process_time() - start < 10
