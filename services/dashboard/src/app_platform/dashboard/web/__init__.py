"""What all pages share: who is asking, forms, headers, templates, errors, live updates."""
