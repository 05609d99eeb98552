"""Ask providers for payments, and believe an answer only as far as it goes.

Some events prove nothing of what they say, and some changes are told by no event at all: then the
provider is asked. `port` says what asking is, `comparing` how an answer stands to what we hold,
`queue` who is asked about and when, `taking` what an answer writes, and `passing` does it all, pass
by pass.
"""
