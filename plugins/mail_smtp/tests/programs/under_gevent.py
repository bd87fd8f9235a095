"""Sends mails from greenlets while another one counts; says how often that got its turn, and the seconds it took.

Arguments: `patched` or `unpatched`, port, mails."""

import sys

if sys.argv[1] == "patched":
    from gevent import monkey

    monkey.patch_all()

import time
from pathlib import Path
from tempfile import gettempdir

import gevent

from bharat.contracts.mail import Message
from bharat.testing.platform import SmallPlatform
from bharat_mail_smtp.mail import SmtpMail
from bharat_mail_smtp.options import SmtpOptions

_, _, port, mails = sys.argv
options = SmtpOptions(host="127.0.0.1", port=int(port), tls="none", max_connections=5)
mail = SmtpMail(options, SmallPlatform(Path(gettempdir())))
turns = 0


def count() -> None:
    global turns
    while True:
        gevent.sleep(0.01)
        turns += 1


def send(number: int) -> None:
    mail.send(Message(f"{number}@b.example", "crm@bharat.example", "ann@example.com", "Hello", "Hello"))


counting = gevent.spawn(count)
since = time.monotonic()
gevent.joinall([gevent.spawn(send, number) for number in range(int(mails))], raise_error=True)
counting.kill()
sys.stdout.write(f"{turns} {time.monotonic() - since:.3f}\n")
mail.close()
