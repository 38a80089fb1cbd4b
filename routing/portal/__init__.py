"""The portal: a web page where a recipient proves who they are, reads, downloads and answers.

Two processes share its own database and nothing else: the dispatching side (`routing.channels.portal`) seals
documents into it, and the web application (`routing.portal.web`) opens them with what stands in the link. It
has no way to the ledger.
"""
