# ruff: noqa: RUF001 - letters of other alphabets are what this is about
"""What stands on labels: invented names, numbers, dates, stains and hospitals in a dozen languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Language:
    """Words of one language: names of persons, names of houses, and what stands before a day of birth."""

    family: tuple[str, ...]
    given: tuple[str, ...]
    houses: tuple[str, ...]
    born: tuple[str, ...]


def _of(family: str, given: str, houses: str, born: str) -> Language:
    return Language(
        tuple(family.split()), tuple(given.split()), tuple(houses.split("|")), tuple(born.split("|"))
    )


LANGUAGES = {
    "English": _of(
        "Fairweather Smith O'Brien Hargreaves Whitlock McAllister Quigley Brown Underhill",
        "Rosalind James Peter Margaret Violet George Hugh Imogen",
        "Northfield General Hospital|St. Alban's Pathology|Cedar Valley Clinic",
        "DOB|Born|DOB:",
    ),
    "German": _of(
        "Müller Größmann Schäfer Köhler Weiß Jäger Böttcher Übelacker Öhlschläger",
        "Jürgen Käthe Günther Björn Ännchen Heinz Anneliese",
        "Universitätsklinikum Nordstadt|Institut für Pathologie|Städt. Krankenhaus Süd",
        "geb.|*|geb. am",
    ),
    "French": _of(
        "Lefèvre Bézier Françoise Côté Gauthier Hérault D'Août Noël",
        "Étienne Hélène Benoît Chloé François Anaïs",
        "Hôpital Saint-Éloi|CHU de la Forêt|Laboratoire d'Anatomie",
        "Né le|Née le|DDN",
    ),
    "Polish": _of(
        "Wiśniewski Dąbrowska Wójcik Żółkiewski Łukasik Kaźmierczak Ćwik",
        "Małgorzata Łukasz Stanisław Józef Agnieszka Święcław",
        "Szpital Miejski Łódź|Zakład Patomorfologii|Klinika Zdrowie",
        "ur.|Data ur.",
    ),
    "Czech": _of(
        "Dvořák Černý Příhodová Žižka Růžička Škoda Říha",
        "Jiří Božena Zdeněk Tomáš Lukáš Věra",
        "Fakultní nemocnice Plzeň|Ústav patologie|Nemocnice Říčany",
        "nar.|r. č.",
    ),
    "Turkish": _of(
        "Yılmaz Çelik Şahin Öztürk Güneş Kılıç İnönü Doğan",
        "Ayşe Gülşen Çağlar İbrahim Oğuz Şule",
        "Şehir Hastanesi|Patoloji Bölümü|Güneş Tıp Merkezi",
        "D.T.|Doğum",
    ),
    "Spanish": _of(
        "Muñoz Peña Ibáñez Gutiérrez Núñez Lázaro Güell",
        "José Begoña Ángel Inés Jesús María",
        "Hospital San Andrés|Anatomía Patológica|Clínica Peñalver",
        "F. nac.|Nac.",
    ),
    "Scandinavian": _of(
        "Sørensen Åkesson Bjørklund Nygård Lindström Mæland Hägglund",
        "Åse Jørgen Søren Märta Pål Bjørn Göran",
        "Sjukhuset Åmål|Patologisk avdeling|Rigshøj Hospital",
        "f.|Född",
    ),
    "Greek": _of(
        "Παπαδόπουλος Γεωργίου Νικολαΐδης Ωραιόπουλος Δημητρίου",
        "Ελένη Γιώργος Αθηνά Δημήτρης Θεόδωρος",
        "Γενικό Νοσοκομείο|Εργαστήριο Παθολογίας",
        "Γεν.",
    ),
    "Cyrillic": _of(
        "Иванов Щербакова Жуковский Ященко Фёдорова Цветков",
        "Юлия Дмитрий Людмила Фёдор Эмма Борис",
        "Городская больница|Отделение патологии",
        "род.|Д. р.",
    ),
}
SHARES = (0.2, 0.17, 0.12, 0.1, 0.08, 0.08, 0.08, 0.07, 0.05, 0.05)
STAINS = ("H&E", "HE", "PAS", "Ki-67", "CD3", "CD20", "p53", "ER", "HER2", "Giemsa", "Masson", "Elastica-vG")
ORGANS = ("Colon", "Lung", "Mamma li.", "Prostata", "Skin", "LN 3/12", "Liver", "Block 4", "Sect. 2")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def pick(rng: Generator, values: tuple[str, ...]) -> str:
    """Return one of the values."""
    return values[int(rng.integers(len(values)))]


def language(rng: Generator) -> Language:
    """Return one of the languages, by how often they are to come."""
    return LANGUAGES[tuple(LANGUAGES)[int(rng.choice(len(SHARES), p=SHARES))]]


def person(rng: Generator, spoken: Language) -> str:
    """Return a name of a person in one of the ways labels write it."""
    family, given = pick(rng, spoken.family), pick(rng, spoken.given)
    ways = (
        f"{family}, {given}",
        f"{given} {family}",
        f"{family.upper()}, {given}",
        f"{family.upper()} {given.upper()}",
        f"{given[0]}. {family}",
        f"{family}^{given}",
    )
    return ways[int(rng.choice(len(ways), p=(0.3, 0.2, 0.2, 0.12, 0.13, 0.05)))]


def day(rng: Generator) -> str:
    """Return a date in one of the ways labels write it."""
    year, month, number = int(rng.integers(1931, 2025)), int(rng.integers(1, 13)), int(rng.integers(1, 29))
    return pick(
        rng,
        (
            f"{number:02}.{month:02}.{year}",
            f"{year}-{month:02}-{number:02}",
            f"{month:02}/{number:02}/{year}",
            f"{number:02} {MONTHS[month - 1]} {year}",
            f"{number:02}.{month:02}.{year % 100:02}",
        ),
    )


def birth(rng: Generator, spoken: Language) -> str:
    """Return a day of birth, mostly with the word before it."""
    return day(rng) if rng.random() < 0.3 else f"{pick(rng, spoken.born)} {day(rng)}"


def accession(rng: Generator) -> str:
    """Return the number of a case, as a rule with block and section."""
    year, number, block = int(rng.integers(19, 27)), int(rng.integers(100, 99999)), int(rng.integers(1, 9))
    letter = "ABCDEFGH"[int(rng.integers(8))]
    return pick(
        rng,
        (
            f"S{year}-{number:05} {letter}{block}",
            f"S{year}-{number:05}",
            f"H20{year}/{number:06}-{block}",
            f"{year}-S-{number:05} {letter}",
            f"E/20{year}/{number:05}",
            f"{letter}{number:05}.{year} #{block}",
        ),
    )


def initials(rng: Generator, spoken: Language) -> str:
    """Return the first letters of a name."""
    given, family = pick(rng, spoken.given)[0], pick(rng, spoken.family)[0]
    return pick(rng, (given + family, f"{given}. {family}.", family + given))


def lines(rng: Generator, spoken: Language, count: int) -> list[str]:
    """Return what stands on one label, a text per line: the number first or the name, then the rest."""
    rest = [
        birth(rng, spoken),
        pick(rng, STAINS),
        pick(rng, spoken.houses),
        f"MRN {int(rng.integers(10**6, 10**8)):08}",
        pick(rng, ORGANS),
        initials(rng, spoken),
        day(rng),
    ]
    first = [accession(rng), person(rng, spoken)]
    rng.shuffle(first)
    rng.shuffle(rest)
    return (first + rest)[:count]


def barcode_text(rng: Generator, symbology: str) -> str:
    """Return what a barcode of that symbology would say."""
    year, number = int(rng.integers(19, 27)), int(rng.integers(100, 99999))
    if symbology == "ITF":
        return f"{year}{number:06}"
    if symbology in {"Code39", "Code128"}:
        return f"S{year}{number:05}"
    long = f"S{year}-{number:05};A{int(rng.integers(1, 9))};MRN{int(rng.integers(10**6, 10**7))}"
    return pick(rng, (f"S{year}-{number:05}", f"S{year}-{number:05}-A{int(rng.integers(1, 9))}", long))
