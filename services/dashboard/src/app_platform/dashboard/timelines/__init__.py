"""What happened, from the history of events and from what objects say of themselves now. All of it is pure but ``past``.

``secrets`` and ``clients`` make stories with stages of one object, ``feed`` one line per event.
"""
