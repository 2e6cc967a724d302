"""What scripts say when they don't do what they were asked for."""


class Refusal(Exception):
    """Why it was not done, in words for whoever asked: what they can mend."""
