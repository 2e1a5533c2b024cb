"""What a configuration may say, and what is said about one that is wrong."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.models import CONFIRMATION, CONTACT, Config, ConfigError, load
from gateway.config.values import COMMON, address, seconds, septets

EXAMPLE = Path(__file__).parents[2] / "config" / "gateway.yaml"
OPERATOR = "operators: {orange: {host: smsc.example, system_id: gw, password: secret}}\n"
ROUTED = OPERATOR + "routes: [{prefixes: [''], operators: [orange]}]\n"


NEST = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 20)
)


@pytest.fixture
def write(tmp_path):
    """Write a configuration and return its path."""

    def write(text):
        path = tmp_path / "gateway.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def problems(write):
    """List the problems of a configuration, each as `line:column: key.path: message`."""

    def problems(text, **environ):
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path, environ)
        return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]

    return problems


def test_example_is_accepted():
    """The commented example is a correct configuration."""
    config = load(EXAMPLE, {})
    assert config.accounts["shop"].mention
    assert not config.accounts["alerts"].mention
    assert [route.prefixes for route in config.routes] == [["33"], [""]]


def test_example_shows_the_defaults():
    """Where the example does not say otherwise, what it shows is the default."""
    config = load(EXAMPLE, {})
    default = Config()
    for section in ("store", "log", "smpp", "web", "metrics", "delivery", "opt_out"):
        assert getattr(config, section) == getattr(default, section), section
    bare = Config.model_validate({"accounts": {"shop": {"password": "correct-horse"}}}).accounts["shop"]
    assert config.accounts["shop"].model_copy(update={"publisher": ""}) == bare


def test_example_shows_every_key():
    """Each key of each section stands in the example, if only in a comment."""
    text = EXAMPLE.read_text(encoding="utf-8")

    def keys(schema):
        for name, prop in schema.get("properties", {}).items():
            yield name
            yield from keys(prop)

    schema = Config.model_json_schema()
    names = {key for part in (schema, *schema["$defs"].values()) for key in keys(part)} - {"name"}
    assert [name for name in sorted(names) if f"{name}:" not in text] == []


def test_empty_file_is_all_defaults(write):
    """An empty file makes the default configuration, named after the host."""
    config = load(write("# nothing yet\n"), {})
    assert config.smpp.listen == [("127.0.0.1", 2775)]
    assert config.opt_out.short_codes == ["36034"]
    assert config.node


@pytest.mark.parametrize(
    "text", [*CONFIRMATION.values(), *(text.format(publisher="x" * 80) for text in CONTACT.values())]
)
def test_default_texts_are_one_segment(text):
    """Default texts fit one GSM-7 segment, the longest publisher included."""
    assert 0 < septets(text) <= 160


def test_values_are_read(write):
    """Durations, addresses, networks, switches and names come out as what they mean."""
    config = load(
        write(
            "smpp: {listen: ['[::1]:2775'], enquire_link: 5m}\nweb: null\n"
            "accounts: {'36034': {password: x, hours: off, allow_from: [192.0.2.0/24], rate: null}}\n"
            "operators:\n"
            "  no: {host: h, system_id: s, password: p, tls: true}\n"
            "  uk: {host: h, system_id: s, password: p}\n"
            "routes: [{prefixes: [''], operators: ['no', uk]}]\n"
        ),
        {},
    )
    assert config.smpp.listen == [("::1", 2775)]
    assert config.smpp.enquire_link == 300.0
    assert config.web.listen is None
    account = config.accounts["36034"]
    assert (account.name, account.hours, account.rate) == ("36034", "off", None)
    assert account.allow_from == [ip_network("192.0.2.0/24")]
    assert config.operators["no"].tls is not None
    assert config.operators["uk"].tls is None


def test_environment_is_taken(write):
    """`${NAME}` is replaced inside values, quoted or not, and numbers written so are numbers."""
    text = ROUTED + "accounts: {shop: {password: 'p-${SECRET}', window: '${WINDOW}'}}"
    account = load(write(text), {"SECRET": "12", "WINDOW": "7"}).accounts["shop"]
    assert (account.password, account.window) == ("p-12", 7)


def test_secrets_are_not_shown(write):
    """A configuration that is printed does not show passwords and keys."""
    text = "accounts: {shop: {password: swordfish-1, web_password: swordfish-2, api_key: swordfish-3-swordfish-3}}\n"
    operator = ROUTED.replace("secret", "swordf-4")
    assert "swordf" not in repr(load(write(text + operator), {}))


def test_all_problems_at_once(problems):
    """Every problem is reported, each with its place, in the order of the file."""
    assert problems(
        "node: gw1\n"
        "smpp:\n"
        "  listen: [nowhere]\n"
        "  enquire_lnk: 30s\n"
        "accounts:\n"
        "  shop:\n"
        "    kind: marketing\n"
        "    mention: false\n"
        "    window: 0\n"
        "routes:\n"
        "  - {prefixes: ['33'], operators: [orange]}\n"
    ) == [
        '3:12: smpp.listen[0]: must be "host:port", such as "127.0.0.1:2775" or "[::1]:2775"',
        "4:3: smpp.enquire_lnk: unknown key; did you mean enquire_link?",
        "6:3: accounts.shop.password: is required",
        (
            "8:14: accounts.shop.mention: may be false for notification accounts only; "
            "marketing always carries the mention"
        ),
        "9:13: accounts.shop.window: must be greater than or equal to 1",
        "11:36: routes[0].operators[0]: there is no operator 'orange'; defined: none",
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("nodes: x", "1:1: nodes", "did you mean node?"),
        ("xyzzy: x", "1:1: xyzzy", "known here: node, store"),
        ("accounts: {a: {password: x, windw: 3}}", "1:29: accounts.a.windw", "did you mean window?"),
        ("node: a\nnode: b", "2:1: node", "duplicate key, first used in line 1"),
        ("accounts:\n a: {password: x}\n a: {password: y}", "3:2: accounts.a", "duplicate key"),
        ("operators:\n o: {}\n o: {}", "3:2: operators.o", "duplicate key"),
        ("opt_out: {short_codes: []}", "1:24: opt_out.short_codes", "at least 1 item"),
        ("opt_out: {short_codes: [36034]}", "1:25: opt_out.short_codes[0]", "put it in quotes"),
        ("opt_out: {short_codes: ['36034', '36034']}", "1:24: opt_out.short_codes", "twice"),
        ("opt_out: {confirmation: {fr: 'Bien reçu'}}", "1:30: opt_out.confirmation.fr", "'ç' is not in GSM-7"),
        (f"opt_out: {{confirmation: {{fr: '{'€' * 81}'}}}}", "1:30: opt_out.confirmation.fr", "has 162"),
        ("opt_out: {confirmation: {FR: 'ok'}}", "1:26: opt_out.confirmation.FR", "two small letters"),
        ("opt_out: {contact: {fr: 'no placeholder'}}", "1:25: opt_out.contact.fr", "{publisher} once"),
        ("opt_out: {mention: {web: 'no_sms'}}", "1:26: opt_out.mention.web", "'_'"),
        ("opt_out: {mention: {short_code: 'STOP'}}", "1:33: opt_out.mention.short_code", "{short_code} once"),
        ("opt_out: {mention: {short_code: '{short_code} €'}}", "1:33: opt_out.mention.short_code", "'€'"),
        ("opt_out: {scope: all}", "1:18: opt_out.scope", "must be 'senders', 'last' or 'platform'"),
        ("accounts: {a-system-id-over-15: {password: x}}", "1:12: accounts.a-system-id-over-15", "1 to 15"),
        ("accounts: {a: {password: x, name: b}}", "1:11: accounts", "leave its name out"),
        ("accounts: {a: {password: x, window: true}}", "1:37: accounts.a.window", "must be a number"),
        ("accounts: {a: {password: x, rate: 0}}", "1:35: accounts.a.rate", "greater than or equal to 1"),
        ("accounts: {a: {password: x, max_binds: 0}}", "1:40: accounts.a.max_binds", "greater than or equal to 1"),
        ("accounts: {a: {password: x, max_segments: 256}}", "1:43: accounts.a.max_segments", "less than or equal"),
        ("accounts: {a: {password: x, allow_from: [1.2.3.4/8]}}", "1:42: accounts.a.allow_from[0]", "host bits"),
        ("accounts: {a: {password: x, language: nl}}", "1:39: accounts.a.language", "no language 'nl'"),
        ("accounts: {a: {password: x, publisher: 'ŵ'}}", "1:40: accounts.a.publisher", "not in GSM-7"),
        ("accounts: {a: {password: ''}}", "1:26: accounts.a.password", "at least 1 character"),
        ("accounts: {a: {password: 12345}}", "1:26: accounts.a.password", "put it in quotes"),
        ("accounts: {a: 3}", "1:15: accounts.a", "must be"),
        ("accounts: [a]", "1:11: accounts", "must be a valid dictionary"),
        (OPERATOR + "routes: [{prefixes: [''], operators: []}]", "2:38: routes[0].operators", "at least 1 item"),
        (OPERATOR + "routes: [{prefixes: [''], operators: [blue]}]", "2:39: routes[0].operators[0]", "defined: orange"),
        (OPERATOR + "routes: [{prefixes: ['+33'], operators: [orange]}]", "2:22: routes[0].prefixes[0]", "digits"),
        ("operators: {o: {host: h, system_id: s, password: p, port: 0}}", "1:59: operators.o.port", "greater"),
        (
            "operators: {o: {host: h, system_id: s, password: p, tls: {key: k}}}",
            "1:58: operators.o.tls",
            "certificate and key go together",
        ),
        (
            "operators: {o: {host: h, system_id: s, password: p, reconnect: {initial: 2m}}}",
            "1:64: operators.o.reconnect",
            "maximum must not be shorter",
        ),
        ("smpp: {enquire_link: 30}", "1:22: smpp.enquire_link", "duration with its unit"),
        ("smpp: {enquire_link: 0s}", "1:22: smpp.enquire_link", "duration with its unit"),
        ("smpp: {listen: ['127.0.0.1:1', '127.0.0.1:1']}", "1:32: smpp.listen[1]", "same port as smpp.listen[0]"),
        ("smpp: {listen: ['0.0.0.0:9100']}", "1:17: smpp.listen[0]", "same port as metrics.listen"),
        ("web: {listen: '127.0.0.1:9100'}", "1:15: web.listen", "same port as metrics.listen"),
        ("web: {public_url: no-sms.eu}", "1:19: web.public_url", "web address"),
        ("store: mysql://x", "1:8: store", "sqlite:///relative.db"),
        ("store: postgresql://gw@db", "1:8: store", "must name a database"),
        ("store: ${DATABASE}", "1:8: store", "environment variable DATABASE is not set"),
        ("log: {level: !loud info}", "1:14: log.level", "put it in quotes"),
        ("log: &log {level: *log}", "1:6: log.level", "alias"),
        ("? [a]\n: b", "1:3", "a key must be a plain word"),
        ("- node", "1:1", "must be a valid dictionary"),
        ("node: [", "1:8", "not valid YAML"),
        ("node: a\n\tstore: b", "2:1", "not valid YAML"),
        ("node: a\nstore: \x07", "2:8", "U+0007"),
        (b"node: a\nstore: caf\xe9", "2:11", "0xE9 is not UTF-8"),
        ("node: !!int ''", "1:7: node", "put it in quotes"),
        ("node: !!bool abc", "1:7: node", "put it in quotes"),
        ("node: !!timestamp abc", "1:7: node", "put it in quotes"),
        ("node: !!binary YQ==", "1:7: node", "the tag before it has no use here"),
        ("accounts: !!map abc", "1:11: accounts", "the tag before it has no use here"),
        ("accounts: !!set {a, b}", "1:11: accounts", "the tag before it has no use here"),
        ('"\\e[31mred": x', r"1:1: \x1b[31mred", "U+001B"),
        ('"\\uD800": x', r"1:1: \ud800", "U+D800"),
        ('"\\u2028": x', r"1:1: \u2028", "unknown key"),
        ('store: "sqlite:////tmp/a\\0b.db"', "1:8: store", "U+0000"),
        ('store: "sqlite:////tmp/\\uD800.db"', "1:8: store", "U+D800"),
        ('operators: {o: {host: "a\\0b", system_id: s, password: p}}', "1:23: operators.o.host", "U+0000"),
        ("store: 'sqlite:///:memory:'", "1:8: store", "must name a file"),
        ("smpp: {listen: ['127.0.0.1:٢٧']}", "1:17: smpp.listen[0]", 'must be "host:port"'),
        ("smpp: {enquire_link: ٣s}", "1:22: smpp.enquire_link", "duration with its unit"),
        (f"smpp: {{enquire_link: {'9' * 400}s}}", "1:22: smpp.enquire_link", "from 1ms to 36500d"),
        ("smpp: {enquire_link: 0.0001ms}", "1:22: smpp.enquire_link", "from 1ms to 36500d"),
        ("delivery: {validity: 36501d}", "1:22: delivery.validity", "from 1ms to 36500d"),
        ("web: {public_url: 'http://['}", "1:19: web.public_url", "web address"),
        ("web: {public_url: 'http://a:99999999/'}", "1:19: web.public_url", "web address"),
        ("web: {public_url: 'http://a:0/'}", "1:19: web.public_url", "web address"),
        (ROUTED.replace("['']", "['33', '33']"), "2:28: routes[0].prefixes[1]", "routes[0].prefixes[0] already"),
        (
            ROUTED.replace("}]", "}, {prefixes: ['44', ''], operators: [orange]}]"),
            "2:67: routes[1].prefixes[1]",
            "routes[0].prefixes[0] already",
        ),
        (OPERATOR + "routes: []", "1:13: operators.orange", "no route names it"),
        (ROUTED.replace("{host", "{nodes: [], host"), "1:29: operators.orange.nodes", "names no node"),
        ("accounts: {a: {password: x}}", "1:1: accounts", "no route"),
        ("[" * 20_000, "1:51", "deeper than 50 levels"),
        ("a: " + "{a: " * 5_000, "1:197", "deeper than 50 levels"),
        (NEST, "1:10", "deeper than 50 levels"),
        (BOMB, "1:25", "more than 200000 parts"),
    ],
)
def test_problem_says_where_and_what(problems, text, place, words):
    """A problem names the line, the column and the key, and says what is wrong."""
    matching = [line for line in problems(text) if line.startswith(f"{place}: ") and words in line]
    assert len(matching) == 1, problems(text)


def test_two_accounts_may_not_share_an_api_key(problems):
    """An API key says which account is calling, so it belongs to one."""
    key = "0123456789abcdef"
    accounts = f"accounts:\n  a: {{password: x, api_key: {key}}}\n  b: {{password: x, api_key: {key}}}\n"
    assert problems(ROUTED + accounts) == ["5:29: accounts.b.api_key: is also the key of account a"]


def test_other_listeners_on_a_port_are_none_of_our_business(write):
    """Different hosts, and port 0, do not clash."""
    text = "smpp: {listen: ['127.0.0.1:0', '127.0.0.2:9100', '[::1]:9100']}\nweb: {listen: '127.0.0.1:0'}"
    assert load(write(text), {}).smpp.listen[1] == ("127.0.0.2", 9100)


def test_more_languages_join_the_defaults(write):
    """A language with both texts may be an account's, and the default ones stay."""
    texts = "opt_out: {confirmation: {nl: Bevestigd}, contact: {nl: 'Afzender {publisher}'}}\n"
    config = load(write(texts + ROUTED + "accounts: {shop: {password: x, language: nl}}"), {})
    assert set(config.opt_out.confirmation) == {"fr", "en", "nl"}


def test_missing_file_is_a_problem_too(tmp_path):
    """A file that cannot be read is reported like any other problem."""
    with pytest.raises(ConfigError, match=r"nothing\.yaml:1:1: cannot be read: No such file"):
        load(tmp_path / "nothing.yaml", {})


def test_models_are_frozen():
    """A configuration does not change after it was checked."""
    with pytest.raises(ValueError, match="frozen"):
        Config().node = "other"


@given(st.integers(1, 36_500), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
def test_durations(number, unit):
    """A duration is its number times its unit, in seconds."""
    assert seconds(f"{number}{unit[0]}") == pytest.approx(number * unit[1])


@given(st.sampled_from(["127.0.0.1", "localhost", "smsc.example", "::1", "2001:db8::7"]), st.integers(0, 65535))
def test_addresses(host, port):
    """An address written as people write it comes back as host and port."""
    assert address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":", "a:", ":1", "a:65536", "::1:80", "[::1]", "[a b]:1", "a b:1", "a:1 ", 2775, None]
)
def test_not_an_address(text):
    """What is not a host, a colon and a port is refused."""
    with pytest.raises(ValueError, match="host:port"):
        address(text)


def test_common_characters_are_the_same_octet_everywhere():
    """Characters allowed in a mention cost one septet and are ASCII."""
    assert all(character.isascii() and septets(character) == 1 for character in COMMON)


@given(text=st.text(alphabet="abn:{}[]&*!?-#'\"\n \t${}0123456789,|>%@", max_size=60))
def test_any_text_is_a_configuration_or_a_problem(tmp_path_factory, text):
    """Whatever stands in the file ends in a configuration or in `ConfigError`, never in another error."""
    path = tmp_path_factory.mktemp("any") / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        assert load(path, {}).node
    except ConfigError as error:
        assert error.problems  # noqa: PT017  either end is right


def test_statuses(write):
    """Statuses of an operator are written as numbers or names, and what is neither is said so."""
    routes = "routes: [{prefixes: [''], operators: [o]}]\n"
    statuses = "{0x45: later, '88': next, ESME_RSYSERR: fail}"
    text = f"operators: {{o: {{host: h, system_id: a, password: b, statuses: {statuses}}}}}\n"
    config = load(write(text + routes), {})
    assert config.operators["o"].statuses == {0x45: "later", 88: "next", 8: "fail"}
    for key in ("ESME_RNONE", "0", "true", "ESME_ROK"):
        with pytest.raises(ConfigError, match="must be a command_status"):
            load(write(text.replace("'88'", key) + routes), {})


def test_routes_of_an_account(write):
    """An operator that only an account's routes name is in use; a prefix is taken within one table only."""
    text = (
        "operators: {o: {host: h, system_id: a, password: b}, p: {host: h, system_id: a, password: b}}\n"
        "accounts: {shop: {password: x, routes: [{prefixes: [''], operators: [p]}]}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )
    assert load(write(text), {}).accounts["shop"].routes[0].operators == ["p"]
    with pytest.raises(ConfigError, match="there is no operator 'q'"):
        load(write(text.replace("[p]", "[q]")), {})


def test_credentials_are_variables(write, tmp_path):
    """A variable that the environment lacks is looked for among the credentials, passed one by one or as a folder."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "credentials_PASSWORD").write_text("secret\n")
    (folder / "PLACE").write_text("smsc.example")
    (folder / "odd").write_bytes(b"\xff")
    (folder / "HOST").write_text("overridden")
    settings = "host: '${PLACE}', system_id: '${HOST}', password: '${PASSWORD}'"
    text = ROUTED.replace("host: smsc.example, system_id: gw, password: secret", settings)
    config = load(write(text), {"CREDENTIALS_DIRECTORY": str(folder), "HOST": "env"})
    operator = config.operators["orange"]
    assert (operator.host, operator.password, operator.system_id) == ("smsc.example", "secret", "env")


@pytest.mark.parametrize(
    ("shared", "mine", "complaint"),
    [
        ('["36034"]', '["36034"]', "accounts.a.short_codes[0]: is in opt_out.short_codes already"),
        ('["36000"]', '["36111", "36222"]', "accounts.b.short_codes[0]: is in accounts.a.short_codes already"),
    ],
)
def test_a_code_belongs_to_one(tmp_path, shared, mine, complaint):
    """A short code that two accounts call theirs, or that is everybody's as well, is a problem with its place."""
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"opt_out: {{short_codes: {shared}}}\naccounts:\n  a: {{password: secret, short_codes: {mine}}}\n"
        '  b: {password: secret, short_codes: ["36222"]}\n'
    )
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load(path)
