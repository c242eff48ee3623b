"""The pages, one module each: what is shown, and what its forms do.

A page is one module here with a ``router``, one folder of templates, and, if it is in the sidebar, one line in ``PAGES``.
"""
