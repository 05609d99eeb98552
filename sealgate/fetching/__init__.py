"""Ask providers' APIs: the narrow HTTP client, what is configured of it, and the part that runs.

What is asked and what is believed of the answers is the consumers' (`consumers.fetching`).
"""
