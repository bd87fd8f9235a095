"""Sends a mail, forks, and sends one from the child and one from the parent.

Arguments: port; `shared` makes the mutant, whose child goes on with the parent's connections."""

import os
import sys
from pathlib import Path
from tempfile import gettempdir

from bharat.contracts.mail import Message
from bharat.testing.platform import SmallPlatform
from bharat_mail_smtp.mail import SmtpMail
from bharat_mail_smtp.options import SmtpOptions
from bharat_mail_smtp.pool import Pool

port = int(sys.argv[1])
if "shared" in sys.argv:
    Pool._after_fork = lambda self: None  # type: ignore[method-assign] # the mutant
mail = SmtpMail(SmtpOptions(host="127.0.0.1", port=port, tls="none"), SmallPlatform(Path(gettempdir())))


def send(name: str) -> None:
    mail.send(Message(f"{name}@b.example", "crm@bharat.example", "ann@example.com", name, name))


send("before")
child = os.fork()
if child == 0:
    send("child")
    os._exit(0)
_, status = os.waitpid(child, 0)
send("parent")
sys.exit(os.waitstatus_to_exitcode(status))
