"""E-mail through Django's backend: SMTP in production, files or memory elsewhere."""

from __future__ import annotations

import smtplib

from django.core.mail import EmailMultiAlternatives, get_connection

from oms.core.errors import PermanentError, TransientError
from oms.notifications.base import Accepted, MessageConfig, OutgoingMessage, UnknownOutcome
from oms.notifications.models import Medium

#: Answers to a command: what they say was done, or was not, for certain.
_ANSWERS = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)


class MailServer:
    """The mail server of the settings. It gives no receipts, and takes no key to know a letter by."""

    code = "mail"
    name = "E-mail"
    medium = Medium.EMAIL

    def send(self, config: MessageConfig, message: OutgoingMessage) -> Accepted:
        """Send one letter; its name (RFC 5322, 3.6.4) tells it apart for mail servers and readers."""
        connection = get_connection()
        try:
            connection.open()
        except (smtplib.SMTPException, OSError) as error:
            raise TransientError(_words(error)) from error
        mail = EmailMultiAlternatives(
            message.subject, message.text, to=[message.to], headers={"Message-ID": message.message_id},
            connection=connection,
        )  # fmt: skip
        if message.html:
            mail.attach_alternative(message.html, "text/html")
        try:
            mail.send()
        except _ANSWERS as error:
            raise (PermanentError if _is_final(error) else TransientError)(_words(error)) from error
        except ConnectionRefusedError as error:
            raise TransientError(_words(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise UnknownOutcome(_words(error)) from error
        finally:
            connection.close()
        return Accepted(message.message_id)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _is_final(error: smtplib.SMTPException) -> bool:
    """5xx is for good, 4xx for now (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
