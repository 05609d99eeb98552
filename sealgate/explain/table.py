"""The table of accidents: a name, what it means, what to do about it, and how to undo it.

Each row is data around one small pure function of `keyfiles`, `signatures` or `addresses`; those of
a body are in `bodytable`. To teach `sealgate verify` another accident, write the function and add
its row.
"""

from sealgate.explain import addresses, keyfiles, signatures
from sealgate.explain.bodytable import BODY
from sealgate.explain.diagnoses import Diagnosis

_FILE = "write the secret alone into the file: printf %s 'THE-SECRET' > FILE"
_AS_SHOWN = "put the secret into the file as the provider's dashboard shows it, nothing else"
_PROXY = "look at what stands between the provider and you: a proxy or a framework rewrites headers"
_OTHER_SCHEME = (
    "the provider signs in another way than this profile says: choose the profile of that product, "
    "or write your own beside sealgate.toml (docs/providers-format.md)"
)
_URL = "set public_url to the URL exactly as it is registered at the provider"

SECRET = (
    Diagnosis(
        "key",
        "blanks",
        "the secret file holds blanks or line ends around the secret",
        _FILE,
        keyfiles.on_secret(keyfiles.blanks),
    ),
    Diagnosis(
        "key",
        "line-ends-inside",
        "the secret file holds line ends or blanks inside the secret",
        _FILE,
        keyfiles.on_secret(keyfiles.inner_line_ends),
    ),
    Diagnosis(
        "key",
        "line-end",
        "the sender's own copy of the secret ends with a line end",
        "set the secret anew at the sender, without the line end; until then the file needs two",
        keyfiles.on_secret(keyfiles.line_end),
    ),
    Diagnosis(
        "key",
        "quotes",
        "the secret file holds quotes around the secret",
        _FILE,
        keyfiles.on_secret(keyfiles.quotes),
    ),
    Diagnosis(
        "key",
        "name",
        "the secret file holds a name or another line beside the secret",
        _FILE,
        keyfiles.on_secret(keyfiles.name),
    ),
    Diagnosis(
        "key",
        "verbatim",
        "the letters of the secret are the key: it is not to be decoded",
        _OTHER_SCHEME,
        keyfiles.on_secret(keyfiles.verbatim),
    ),
    Diagnosis(
        "key",
        "hex",
        "the secret stands for bytes in hex, and those are the key",
        _OTHER_SCHEME,
        keyfiles.on_secret(keyfiles.from_hex),
    ),
    Diagnosis(
        "key",
        "base64",
        "the secret stands for bytes in base64, and those are the key",
        "choose the profile that decodes it (whsec_ secrets: standard_webhooks), or write your own",
        keyfiles.on_secret(keyfiles.from_base64),
    ),
    Diagnosis(
        "key",
        "label-left-on",
        "the key is the secret without the label before it",
        _AS_SHOWN,
        keyfiles.on_secret(keyfiles.unlabelled),
    ),
    Diagnosis(
        "key",
        "label-left-off",
        "the key is the secret with its label, which is missing in the file",
        _AS_SHOWN,
        keyfiles.on_secret(keyfiles.labelled),
    ),
    Diagnosis(
        "key",
        "hashed",
        "the key is a hash of the secret",
        _OTHER_SCHEME,
        keyfiles.on_secret(keyfiles.hashed),
    ),
    Diagnosis(
        "key",
        "letters",
        "the secret is in capitals in one place and not in the other",
        _AS_SHOWN,
        keyfiles.on_secret(keyfiles.letters),
    ),
    Diagnosis(
        "key",
        "empty",
        "the sender signs with an EMPTY secret: anybody could",
        "set a secret at the sender; Sealgate accepts no empty one",
        keyfiles.on_secret(keyfiles.empty),
    ),
    Diagnosis(
        "key",
        "pem-line-ends",
        "the PEM file has lost its line ends",
        "save the public key with its line ends",
        keyfiles.on_public_key(keyfiles.pem_line_ends),
    ),
    Diagnosis(
        "key",
        "pem-frame",
        "the public key has lost its BEGIN and END lines",
        "save the public key as the provider shows it",
        keyfiles.on_public_key(keyfiles.pem_frame),
    ),
)

HEADER = (
    Diagnosis(
        "header",
        "prefix-missing",
        "the prefix of the signature is missing",
        _PROXY,
        signatures.on_texts(signatures.prefix_missing),
    ),
    Diagnosis(
        "header",
        "prefix-case",
        "the prefix of the signature is in the other case",
        _PROXY,
        signatures.on_texts(signatures.prefix_case),
    ),
    Diagnosis(
        "header",
        "prefix-foreign",
        "another prefix stands before the signature",
        _OTHER_SCHEME,
        signatures.other_prefix,
    ),
    Diagnosis(
        "header",
        "wrapping",
        "quotes or blanks stand in the signature's header",
        _PROXY,
        signatures.on_text(signatures.wrapping),
    ),
    Diagnosis(
        "header",
        "url-safe",
        "the signature is in URL-safe base64, or without its padding",
        _OTHER_SCHEME,
        signatures.on_texts(signatures.url_safe),
    ),
    Diagnosis(
        "header",
        "percent-encoded",
        "the signature is percent-encoded, or its plus became a blank",
        _PROXY,
        signatures.on_text(signatures.percent_encoded),
    ),
    Diagnosis(
        "header",
        "encoding",
        "the signature is hex where the profile says base64, or the other way round",
        _OTHER_SCHEME,
        signatures.other_encoding,
    ),
    Diagnosis(
        "header",
        "hex-in-base64",
        "the signature is the base64 of a hex text",
        _OTHER_SCHEME,
        signatures.hex_in_base64,
    ),
    Diagnosis(
        "header",
        "side-by-side",
        "the two numbers of the signature stand side by side, as in a token, and not in DER",
        _OTHER_SCHEME,
        signatures.on_text(signatures.side_by_side),
    ),
    Diagnosis(
        "header",
        "other-header",
        "the signature stands in a header of another name",
        _PROXY,
        signatures.other_header,
    ),
    Diagnosis(
        "header",
        "sent-twice",
        "the header came twice, and one of the two holds",
        _PROXY,
        signatures.one_of_two,
    ),
    Diagnosis(
        "header",
        "other-version",
        "only a signature of another version is there, and it holds",
        "switch the version on at the provider: this one is refused, or anybody could"
        " choose the weaker",
        signatures.other_version,
    ),
    Diagnosis("scheme", "hash", "another hash was used", _OTHER_SCHEME, signatures.other_hash),
    Diagnosis(
        "scheme",
        "prehash",
        "the message was hashed once where the profile hashes it twice, or the other way round",
        _OTHER_SCHEME,
        signatures.other_prehash,
    ),
    Diagnosis(
        "scheme",
        "message",
        "another message was signed: with or without the timestamp, or with another separator",
        _OTHER_SCHEME,
        signatures.other_message,
    ),
)

URL = (
    Diagnosis(
        "url",
        "scheme",
        "the URL was signed with the other of http and https",
        _URL,
        addresses.on_url(addresses.scheme),
    ),
    Diagnosis(
        "url",
        "slash",
        "the signed URL has a slash more or less at its end",
        _URL,
        addresses.on_url(addresses.slash),
    ),
    Diagnosis(
        "url",
        "port",
        "the signed URL has its port written out, or left out",
        _URL,
        addresses.on_url(addresses.port),
    ),
    Diagnosis(
        "url",
        "query",
        "the query was left out of the signed URL, or is missing in this request",
        "a proxy drops or adds a query: pass it through unchanged",
        addresses.without_query,
    ),
    Diagnosis(
        "url",
        "query-changed",
        "the query was changed on its way: its parameters stand in another order, are written "
        "anew, or are more than were signed",
        "a proxy rewrites the query: pass it through unchanged",
        addresses.other_query,
    ),
    Diagnosis(
        "url",
        "host",
        "the signed URL is the one that was called, not the registered one",
        _URL,
        addresses.on_url(addresses.host),
    ),
    Diagnosis(
        "url",
        "letters",
        "the signed URL has its host in other letters, or with www",
        _URL,
        addresses.on_url(addresses.letters),
    ),
)

TABLE = (*BODY, *SECRET, *HEADER, *URL)
