"""A tiny project for the tests of `eval crossfile`. Its files use names that other files of the project define."""

from pathlib import Path

from slm_lsp.evals.packages import Project

FILLER = "\n".join(f"def filler_{number}(value: int) -> int:\n    return value + {number}\n" for number in range(14))

CART = '''"""What a customer wants."""

from __future__ import annotations

from . import money as coins
from .base import Stored
from .money import LOWEST_PRICE, Price, rounded
from .prices import reduced


class Cart(Stored):
    """Lines of an order."""

    def __init__(self, price: Price | None, other: "coins.Price") -> None:
        self.price = price or Price(LOWEST_PRICE)
        self.other = other

    def total(self, price: Price, count: int) -> int:
        """A docstring that names rounded and Price stands alone."""
        # rounded(count) in a comment
        amount = price.amount_in_cents * count
        text = f"{rounded(amount)} in all"
        self.store_for_good(amount, text)
        if amount < LOWEST_PRICE: return rounded(amount)
        return reduced(amount, coins.whole_percent(count))

    def shadowed(self, rounded: int) -> int:
        result = rounded + 1000  # nothing of another file
        return rounded + self.own_method()

    def own_method(self) -> int:
        return filler_1(100 + 200 + 300)


'''

FILES = {
    "shop/__init__.py": "from .cart import Cart\nfrom .money import whole_percent as reduced_again\n",
    "shop/base.py": "class Stored:\n    def store_for_good(self, amount, text):\n        self.kept = (amount, text)\n",
    "shop/money.py": (
        "LOWEST_PRICE = 10\n\n\nclass Price:\n    amount_in_cents: int\n\n\n"
        "def rounded(amount):\n    return amount\n\n\ndef whole_percent(count):\n    return count\n"
    ),
    "shop/prices.py": "from shop.sales import reduced\n",
    "shop/sales.py": (
        "try:\n    import fast\nexcept ImportError:\n\n    def reduced(amount, percent):\n        return amount\n"
    ),
    "shop/cart.py": CART + FILLER,
    "shop/broken.py": "def (:\n" * 50,
    "tests/test_cart.py": "from shop.cart import Cart\n" + FILLER,
}


def project(root: Path) -> Project:
    """Write the files of the project into `root` and return the project."""
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return Project("shop", root, FILES)
