"""A mini internet on one machine: echo, HTTP, SMTP, IMAP, POP3, FTP and NNTP over one shared world."""

__version__ = "0.1.0"
