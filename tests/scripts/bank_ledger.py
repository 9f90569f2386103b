# A small business program: accounts, transfers, interest, statements, validation, persistence as JSON lines.
import json
import os
from abc import ABC, abstractmethod
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal


class LedgerError(Exception):
    """Base of what can go wrong."""


class InsufficientFunds(LedgerError):
    def __init__(self, account, needed):
        super().__init__(f"{account.owner}: {needed} needed, {account.balance} available")
        self.short = needed - account.balance


class Account(ABC):
    _next = 100

    def __init__(self, owner, balance="0"):
        self.number, Account._next = Account._next, Account._next + 1
        self.owner, self.entries = owner, []
        if Decimal(balance):
            self.post(date(2024, 1, 1), Decimal(balance), "opening")

    @property
    def balance(self):
        return sum((amount for _, amount, _ in self.entries), Decimal(0))

    def post(self, day, amount, text):
        if amount < 0 and self.balance + amount < self.floor:
            raise InsufficientFunds(self, -amount)
        self.entries.append((day, amount.quantize(Decimal("0.01"), ROUND_HALF_UP), text))

    @property
    @abstractmethod
    def floor(self): ...

    def statement(self):
        running = Decimal(0)
        for day, amount, text in self.entries:
            running += amount
            yield f"{day:%d %b} {text:<12} {amount:>10,.2f} {running:>10,.2f}"


class Checking(Account):
    floor = Decimal("-100")


class Savings(Account):
    floor = Decimal(0)
    rate = Decimal("0.03")

    def accrue(self, day):
        self.post(day, self.balance * self.rate / 12, "interest")


class Ledger:
    def __init__(self, *accounts):
        self.accounts = {a.owner: a for a in accounts}

    def transfer(self, day, source, target, amount):
        amount = Decimal(amount)
        if amount <= 0:
            raise LedgerError(f"cannot transfer {amount}")
        try:
            giver, taker = self.accounts[source], self.accounts[target]
        except KeyError as error:
            raise LedgerError(f"no account of {error}") from error
        giver.post(day, -amount, f"to {target}")
        taker.post(day, amount, f"from {source}")

    def save(self, path):
        with open(path, "w") as file:
            for account in self.accounts.values():
                print(json.dumps({"type": type(account).__name__, "owner": account.owner, "entries": account.entries}, default=str), file=file)

    @classmethod
    def load(cls, path):
        kinds = {kind.__name__: kind for kind in Account.__subclasses__()}
        accounts = []
        with open(path) as file:
            for record in map(json.loads, file):
                account = kinds[record["type"]](record["owner"])
                for day, amount, text in record["entries"]:
                    account.entries.append((date.fromisoformat(day), Decimal(amount), text))
                accounts.append(account)
        return cls(*accounts)


ledger = Ledger(Checking("ann", "250.50"), Savings("bob", "1000"))
day = date(2024, 1, 15)
for source, target, amount in (("ann", "bob", "99.99"), ("bob", "ann", "5000"), ("ann", "bob", "-5"), ("ann", "zed", "1"), ("ann", "bob", "250.51")):
    try:
        ledger.transfer(day, source, target, amount)
        print("ok", source, target, amount)
    except InsufficientFunds as error:
        print("refused:", error, "short by", error.short)
    except LedgerError as error:
        print("error:", error, "|", repr(error.__cause__))
    day += timedelta(days=3)
for month in (2, 3, 4):
    ledger.accounts["bob"].accrue(date(2024, month, 1))
for account in ledger.accounts.values():
    print(account.owner, type(account).__name__, account.number)
    print("\n".join(account.statement()))
path = "/tmp/ledger-oracle.jsonl"
ledger.save(path)
again = Ledger.load(path)
os.remove(path)
print({owner: str(a.balance) for owner, a in again.accounts.items()}, all(again.accounts[o].entries == a.entries for o, a in ledger.accounts.items()))
try:
    Account("x")
except TypeError as error:
    print(error)
