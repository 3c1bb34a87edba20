"""Proofs that a callback comes from the cloud."""

import base64
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given, strategies as st
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from custom_components.ev_charger_cloud.charging import AuthenticationError
from custom_components.ev_charger_cloud.providers.signatures import (
    SeenBefore,
    verify_hmac,
    verify_svix,
)

# Computed with openssl: printf '%s' "$BODY" | openssl dgst -sha256 -hmac tok-sim-0001
BODY = (
    b'{"notification":"NetworkStatusNotification","chargePointId":4021,'
    b'"timestamp":"2026-05-04T06:20:00Z","networkStatus":"available"}'
)
HEX = "a1987b0b0228b7fc671d6362f5dcb3f2660a890444244133c520cc95591958c4"
BASE64 = "oZh7CwIot/xnHWNi9dyz8mYKiQREJEEzxSDMlVkZWMQ="

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# The example of Svix' own documents.
SVIX = {
    "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "svix-timestamp": "1614265330",
    "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SVIX_BODY = b'{"test": 2432232314}'
NOW = 1614265330.0


@pytest.mark.parametrize(
    "signature",
    [HEX, HEX.upper(), BASE64, f"sha256={HEX}", f"sha256={BASE64}", f" {HEX} "],
)
def test_hmac(signature: str) -> None:
    """Every spelling of the same proof is one."""
    verify_hmac("tok-sim-0001", BODY, signature)


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        ("tok-sim-0001", BODY, None),
        ("tok-sim-0001", BODY, ""),
        ("tok-sim-0001", BODY, "nonsense"),
        ("tok-sim-0001", BODY, "ünsinn"),
        ("tok-sim-0001", BODY, "\udcff"),
        ("tok-sim-0001", BODY, HEX[:-2]),
        ("tok-sim-0001", BODY + b" ", HEX),
        ("tok-sim-0002", BODY, HEX),
        ("tok-sim-0002", BODY, BASE64),
    ],
)
def test_hmac_forged(secret: str, body: bytes, signature: str | None) -> None:
    """Anything else is none."""
    with pytest.raises(AuthenticationError):
        verify_hmac(secret, body, signature)


def test_svix() -> None:
    """The documents' example holds, also beside another signature."""
    assert verify_svix(SECRET, SVIX_BODY, SVIX, NOW) == SVIX["svix-id"]
    assert verify_svix(SECRET, SVIX_BODY, SVIX, NOW - 300) == SVIX["svix-id"]
    both = {**SVIX, "svix-signature": f"v1,AAAA v2,x {SVIX['svix-signature']}"}
    assert verify_svix(SECRET, SVIX_BODY, both, NOW + 300) == SVIX["svix-id"]


@given(
    secret=st.binary(min_size=1, max_size=64),
    body=st.text(st.characters(codec="utf-8")),
    padded=st.booleans(),
)
def test_svix_by_a_foreign_judge(secret: bytes, body: str, padded: bool) -> None:
    """What the library of Standard Webhooks signs is taken, by whatever secret."""
    written = "whsec_" + base64.b64encode(secret).decode()
    written = written if padded else written.rstrip("=")
    signature = Webhook(written).sign("m1", datetime.fromtimestamp(NOW, UTC), body)
    headers = {
        "svix-id": "m1",
        "svix-timestamp": f"{NOW:.0f}",
        "svix-signature": signature,
    }
    assert verify_svix(written, body.encode(), headers, NOW) == "m1"


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({}, b'{"test": 2432232314}'),
        ({}, b'{"test": 2432232315}'),
        ({"svix-id": "msg_other"}, b'{"test": 2432232314}'),
        ({"svix-timestamp": "0"}, b'{"test": 2432232314}'),
        ({"svix-timestamp": "in the future"}, b'{"test": 2432232314}'),
        ({"svix-signature": "v1,"}, b'{"test": 2432232314}'),
        ({"svix-signature": "v2,{signature}"}, b'{"test": 2432232314}'),
        ({"svix-signature": "v1,AAAA v1,{signature}"}, b'{"test": 2432232314}'),
        ({"svix-signature": "v1,{signature} v1a,AAAA"}, b'{"test": 2432232314}'),
    ],
)
def test_the_foreign_judge_takes_and_refuses_the_same(
    change: dict[str, str], body: bytes
) -> None:
    now = datetime.now(UTC)
    judge = Webhook(SECRET)
    signature = judge.sign("msg_1", now, SVIX_BODY.decode()).removeprefix("v1,")
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": f"{now.timestamp() // 1:.0f}",
        "svix-signature": f"v1,{signature}",
    } | {name: value.format(signature=signature) for name, value in change.items()}
    theirs = {name.replace("svix", "webhook"): each for name, each in headers.items()}
    try:
        judge.verify(body, theirs)
        taken = True
    except WebhookVerificationError:
        taken = False
    try:
        verify_svix(SECRET, body, headers, now.timestamp())
        assert taken
    except AuthenticationError:
        assert not taken


@given(secret=st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_hmac_by_a_foreign_judge(secret: str) -> None:
    """What OpenSSL signs is taken, in each spelling, and not with another token."""
    signer = HMAC((secret or "x").encode(), hashes.SHA256())
    signer.update(BODY)
    proof = signer.finalize()
    for signature in (proof.hex(), base64.b64encode(proof).decode()):
        verify_hmac(secret or "x", BODY, signature)
        verify_hmac(secret or "x", BODY, f"sha256={signature}")
        with pytest.raises(AuthenticationError):
            verify_hmac(f"{secret}y", BODY, signature)


@pytest.mark.parametrize(
    ("changes", "secret", "now"),
    [
        ({}, SECRET, NOW + 301),
        ({}, SECRET, NOW - 301),
        ({}, "whsec_" + "A" * 32, NOW),
        ({}, "whsec_!!", NOW),
        ({}, "", NOW),
        ({"svix-id": "other"}, SECRET, NOW),
        ({"svix-id": ""}, SECRET, NOW),
        ({"svix-timestamp": "1614265331"}, SECRET, NOW),
        ({"svix-timestamp": "soon"}, SECRET, NOW),
        ({"svix-timestamp": ""}, SECRET, NOW),
        ({"svix-signature": ""}, SECRET, NOW),
        ({"svix-signature": "v1,ü"}, SECRET, NOW),
        ({"svix-id": "\udcff"}, SECRET, NOW),
        ({"svix-signature": "v1,\udcff"}, SECRET, NOW),
        ({"svix-timestamp": "\udcff"}, SECRET, NOW),
        ({"svix-timestamp": "9" * 400}, SECRET, NOW),
        ({"svix-timestamp": "9" * 5000}, SECRET, NOW),
        ({"svix-signature": SVIX["svix-signature"][3:]}, SECRET, NOW),
    ],
)
def test_svix_forged(changes: dict[str, str], secret: str, now: float) -> None:
    """Nothing else is a proof, nor an old one."""
    with pytest.raises(AuthenticationError):
        verify_svix(secret, SVIX_BODY, {**SVIX, **changes}, now)


@pytest.mark.parametrize("seconds", [301, -301])
def test_svix_of_another_time(seconds: int) -> None:
    """A clock that is wrong is told from a secret that is."""
    with pytest.raises(AuthenticationError) as raised:
        verify_svix(SECRET, SVIX_BODY, SVIX, NOW + seconds)
    assert raised.value.reason == "wrong_time"


def test_seen_before() -> None:
    """A repeat is known for an hour, and however many came since within bounds."""
    now = 0.0
    seen = SeenBefore(lambda: now)
    assert not seen.again("a")
    now = 3600.0
    assert seen.again("a")
    now = 3601.0
    assert not seen.again("a")
    for number in range(510):
        assert not seen.again(number)
    assert seen.again("a")
    assert not seen.again("b")
    assert not seen.again("a")
