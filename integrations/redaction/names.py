"""Names of fields and keys that hold what nobody may see, in the languages and notations in which people write them.

A name is cut into words (``clientSSN``, ``client_ssn``, ``client ssn``, ``S.S.N.``), and each run of words without what
stands between them is looked up. docs/redaction.md shows what is recognised and what is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from integrations.redaction.folding import folded

# No system calls a field by a longer name; whatever it is, nobody reads it.
MAX_NAME = 500
_MAX_RUN = 5  # words
# Words of this length and more are also looked up within a longer one (``customercreditcardnumber``).
_LONG = 8


@dataclass(frozen=True)
class _Kind:
    """``named``: runs of words, written as one, wherever they stand. ``alone``: names that mean it only as a whole.

    ``last``: words that mean it where a name ends with them. ``written``: in other scripts, wherever they stand.
    """

    what: str
    named: str
    alone: str = ""
    last: str = ""
    written: str = ""


_KINDS = (
    _Kind(
        "a social security number",
        "ssn ssnumber ssno ssnum ssnbr socialsecurity socialsec socsec lastsocial last4social lastfoursocial sociallast4 "
        "sociallastfour last4soc socialnumber socialno socialinsurance sinnumber sinno nationalinsurance ninumber ninno "
        "segurosocial numerosegurosocial seguridadsocial nss nuss securitesociale numerosecu numsecu segurancasocial "
        "sozialversicherung sozialversicherungsnummer rentenversicherungsnummer insee",
        alone="sin nir",
        written="社会安全号 社会安全號 社會安全 社会安全 社安号 社安號 社保号 社保號 社保卡",
    ),
    _Kind(
        "a tax or identity number",
        "taxid taxidno taxidnumber taxidentification taxidentifier taxnumber taxno taxpayerid taxpayernumber "
        "taxpayeridentification taxpayerno taxfilenumber tfn itin ein fein ptin tinnumber tinno clienttin "
        "employeridentification federalid "
        "federaltaxid curp dni nif cpf cuit cuil cedula aadhaar aadhar pannumber panno pancard nationalid nationalidno "
        "nationalidnumber nationalidentity nationalidentification governmentid govid governmentidnumber identitycard "
        "identitynumber alienregistration aliennumber uscisnumber visanumber visano matriculaconsular claveelector "
        "credencialelector numeroidentidad numeroidentificacion documentoidentidad carteidentite cartenationale "
        "cartedidentite numeronie identificacionfiscal numerofiscal idfiscal identifiantfiscal rfccliente clienterfc "
        "numerorfc rfcnumber stateid stateidnumber greencard voterid militaryid "
        "tituloeleitor steuernummer steuerid steueridnummer personalausweis ausweisnummer",
        alone="tin rfc nie rut ine rg cni cif",
        written="身份证 身份證 身分證 税号 稅號 ИНН СНИЛС",
    ),
    _Kind(
        "a passport number",
        "passport pasaporte passeport passaporte reisepass",
        written="护照 護照 паспорт",
    ),
    _Kind(
        "a driver's licence",
        "driverlicense driverslicense driverlicence driverslicence driverlic driverslic drivinglicense drivinglicence "
        "driverpermit driverspermit drivingpermit licensenumber licencenumber licenseno licenceno licensenum licencenum "
        "dlnumber dlno dlnum dln licenciaconducir licenciaconduccion licenciamanejo licenciamanejar numerolicencia "
        "nolicencia numlicencia permisoconducir carnetconducir permisconduire carteiramotorista carteirahabilitacao "
        "carteiraconducao cnh patenteguida fuhrerschein fuehrerschein fuhrerscheinnummer",
        alone="dl",
        written="驾照 駕照 驾驶证 駕駛執照 驾驶执照",
    ),
    _Kind(
        "an insurance number",
        "medicareid medicarenumber medicareno medicarenum medicarenbr medicarebeneficiary medicareclaim mbi hicn "
        "hicnumber medicaidid medicaidnumber medicaidno medicaidnum medicaidnbr medicaidmember medicaidclient medicalid "
        "insuranceid insurancenumber insuranceno insurancenum insurancenbr insurancepolicynumber insurancepolicyno "
        "insurancepolicyid insurancemember insurancesubscriber insuranceidnumber healthinsuranceid healthinsurancenumber "
        "policynumber policyno policynum policynbr policyid policyholderid nhsnumber nhsno ohip "
        "numeroseguro noseguro polizaseguro "
        "numeropoliza cartevitale versicherungsnummer numeroassurance",
        written="医保卡 医保号 醫保",
    ),
    _Kind(
        "a card number",
        "creditcard debitcard bankcard paymentcard cardnumber cardno cardnum cardnbr cardpan ccnumber ccno ccnum ccnbr "
        "ccpan ccexp cardexp cardexpiry cardexpiration primaryaccountnumber cvv cvc ccv cvvcode cvccode cardcvv cardcvc "
        "cardcsc magstripe cardtrack "
        "track1data track2data cardcode cardsecurity cardverification securitycode verificationvalue tarjeta tarjetacredito "
        "tarjetadebito numerotarjeta notarjeta cartebancaire cartebleue cartecredit numerocarte cartaocredito "
        "cartaodebito numerocartao cartao codigoseguridad codigoseguranca kreditkarte kreditkartennummer kartennummer",
        alone="pan csc ccn tdc",
        written="信用卡 银行卡 銀行卡 借记卡 卡号 卡號",
    ),
    _Kind(
        "a bank account",
        "bankaccount bankacct bankacc checkingaccount checkingacct savingsaccount savingaccount savingsacct "
        "chequingaccount accountnumber accountno accountnum accountnbr acctnumber acctno acctnum acctnbr accnumber accno "
        "acno acnumber acnum bankac bankacno chkacct accnum routingnumber routingno routingnum routingnbr routingcode "
        "routingtransit bankrouting abanumber abano abarouting abacode rtnnumber transitnumber sortcode bsb iban "
        "ibannumber ibancode swiftcode swiftnumber swiftbic swiftaccount biccode bicswift ifsc clabe clabeinterbancaria "
        "claveinterbancaria clavebancaria cuentabancaria cuentabanco numerocuenta nocuenta numcuenta nrocuenta "
        "cuentacorriente cuentaahorro cuentaclabe comptebancaire numerocompte contabancaria numeroconta contacorrente "
        "chavepix kontonummer bankkonto bankverbindung bankleitzahl banknumber bankcode directdepositaccount achaccount",
        alone="routing rtn swift bic rib cuenta aba",
        written="银行账 银行帐 銀行帳 銀行賬 银行账号",
    ),
    _Kind(
        "a password or a secret answer",
        "password passwd passwrd passhash passphrase passcode passkey pwd pswd psw pw userpass dbpass usrpass loginpass mypass "
        "contrasena contrasenia contrasenya senha palavrapasse palavrachave mdp motpasse motdepasse passwort kennwort "
        "wachtwoord palabrapaso claveacceso clavesecreta claveprivada claveusuario claveapi clavepersonal codigoacceso "
        "codigosecreto accesscode securityanswer securityresponse securityquestion respuestaseguridad preguntaseguridad "
        "mothermaiden mothersmaiden mothermaidenname otp totp onetimecode verificationcode recoverycode backupcode nip "
        "nipnumber pincode pinnumber pinno pinnum pinhash pinvalue pinnumero codepin",
        alone="pass clave",
        last="pin",
        written="密码 密碼 口令 验证码 驗證碼 пароль パスワード 暗証番号 비밀번호",
    ),
    _Kind(
        "a token, a key or a secret",
        "token tokens accesstoken refreshtoken authtoken apitoken bearertoken sessiontoken idtoken csrftoken jeton jwt "
        "secret secrets secreto secreta clientsecret appsecret apisecret sharedsecret consumersecret webhooksecret "
        "secretkey apikey accesskey privatekey encryptionkey decryptionkey authkey sshkey signingkey masterkey sessionkey "
        "securitykey recoverykey hmackey pgpkey gpgkey rsakey consumerkey subscriptionkey servicekey accountkey "
        "storagekey webhookkey chaveapi chaveprivada cleapi cleprivee llaveprivada llaveapi apischlussel",
        written="令牌 密钥 密鑰 私钥",
    ),
)
# What only looks like one of them: these words are passed over.
_HARMLESS_RUNS = """
mappin droppin dnis pushpin lapelpin safetypin bowlingpin locationpin hairpin geopin tokenring tokenurl tokenuri tokentype
tokenendpoint tokencount mealtoken mealtokens bustoken bustokens transittoken transittokens foodtoken foodtokens
gifttoken parkingtoken parkingtokens palabraclave puntoclave foodbank bloodbank milkbank phonebank bankholiday
secretsanta secretgarden keynote accountnote accountnotes ssnote ssnotes
"""
_HARMLESS = frozenset(_HARMLESS_RUNS.split())
_FILLERS = frozenset(("da", "de", "del", "des", "do", "du", "e", "el", "et", "la", "las", "le", "los", "of", "the", "y"))
_WORD = re.compile(r"[A-Z]{1,500}(?![a-z])|[A-Z]?[a-z]{1,500}|[0-9]{1,500}")


def _table(column: str) -> dict[str, str]:
    return {run: kind.what for kind in _KINDS for run in getattr(kind, column).split()}


_NAMED, _ALONE, _LAST = _table("named"), _table("alone"), _table("last")
_WRITTEN = {folded(text.casefold()): what for text, what in _table("written").items()}
# Not those that a longer word may go on from in another sense: "accountno" in "accountnotes".
_WITHIN = {run: what for run, what in _NAMED.items() if len(run) >= _LONG and not run.endswith(("no", "num"))}
_SHORT_WITHIN = {"cvv": _NAMED["cvv"], "pwd": _NAMED["pwd"], "passw": _NAMED["password"]}
_ENDINGS = tuple(run for run in _NAMED if len(run) > 5 and run.endswith(("no", "num")))
_LENGTHS = tuple(sorted({len(run) for run in _WITHIN}))


def named_like(name: str) -> str:
    """What a field of this name is taken to hold, like "a bank account"; ``""`` for what anybody may have."""
    return _named_like(name) if len(name) <= MAX_NAME else "something that nobody can name in so many letters"


def named_once(text: str) -> str:
    """The same for a text that may be anybody's, and is not kept in memory."""
    return _judged(text[:MAX_NAME])


@lru_cache(maxsize=4096)
def _named_like(name: str) -> str:
    return _judged(name)


def _judged(name: str) -> str:
    # In small letters first: capitals of other alphabets look like other Latin letters than small ones do.
    if not name.isascii() and (what := _in_other_scripts(folded(name.casefold()))):
        return what
    words = _words_of(folded(name))
    return _run_of(words) or next(filter(None, map(_within, words)), "")


def _words_of(plain: str) -> list[str]:
    """The words in small letters; letters that stand by themselves are one word, as in "S.S.N."."""
    bare = plain.replace("'", "").replace("’", "").replace("#", " number ")
    words: list[str] = []
    spelt = ""
    for word in _WORD.findall(bare):
        if len(word) == 1 and word.isalpha():
            spelt += word.lower()
            continue
        words += [spelt, word.lower()] if spelt else [word.lower()]
        spelt = ""
    return [word for word in [*words, spelt] if word and word not in _FILLERS]


def _run_of(words: list[str]) -> str:
    whole = "".join(words)
    if what := _ALONE.get(whole) or _NAMED.get(whole):
        return what
    place, until = 0, len(words)
    last = next((word for word in reversed(words) if not word.isdigit()), "")
    while place < until:
        runs = ["".join(words[place:end]) for end in range(place + 1, min(place + _MAX_RUN, until) + 1)]
        harmless = next((count for count in range(len(runs), 0, -1) if runs[count - 1] in _HARMLESS), 0)
        if harmless:
            place += harmless
            last = "" if place >= until else last
            continue
        for run in reversed(runs):
            if what := _NAMED.get(run) or _NAMED.get(run.removesuffix("s")):
                return what
        place += 1
    return _LAST.get(last, "")


def _within(word: str) -> str:
    """What nobody may see that is named within a word written as one; ``""`` for nothing."""
    if word.startswith("ssn") or word.endswith("ssn"):
        return _NAMED["ssn"]
    if what := next((what for run, what in _SHORT_WITHIN.items() if run in word), ""):
        return what
    if len(word) < _LONG or word in _HARMLESS:
        return ""
    if word.endswith(_ENDINGS):
        return next(_NAMED[run] for run in _ENDINGS if word.endswith(run))
    return next((_WITHIN[run] for run in _parts(word) if run in _WITHIN), "")


def _parts(word: str) -> Iterator[str]:
    for length in _LENGTHS:
        if length > len(word):
            return
        for place in range(len(word) - length + 1):
            yield word[place : place + length]


def _in_other_scripts(plain: str) -> str:
    return next((what for text, what in _WRITTEN.items() if text in plain), "")
