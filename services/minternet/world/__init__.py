"""State: accounts, mail, news, files and site, changed only by committed changes. Knows no wire."""
