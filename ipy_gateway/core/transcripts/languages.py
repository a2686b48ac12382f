"""Languages: Whisper's names for them, their codes, and which write no spaces between words."""

import re
from itertools import pairwise

_MAX_LANGUAGE_CHARACTERS = 40
# Languages that write no spaces between words: Thai to Tibetan, Myanmar, Khmer, Chinese and Japanese.
_UNSPACED = r"[\u0e00-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\uffef\U00020000-\U0003ffff]"
_STARTS_UNSPACED = re.compile(_UNSPACED)
_ENDS_UNSPACED = re.compile(f"{_UNSPACED}$")


def language_code(name: str) -> str | None:
    """A language's ISO 639 code: whisper.cpp and OpenAI's whisper-1 say "english", others "en".

    A name that Whisper does not know is its own code; a blank one, or one of over 40 characters, has none.
    """
    if len(name) > _MAX_LANGUAGE_CHARACTERS:
        return None
    word = name.strip()
    return _LANGUAGE_CODES.get(word.lower(), word) or None


def starts_unspaced(text: str) -> bool:
    """Whether a text begins in a language that writes no spaces between words."""
    return bool(_STARTS_UNSPACED.match(text))


def joined(texts: list[str]) -> str:
    """The whole of several texts. Where they bring their blanks, one without is the rest of a word."""
    if any(text[:1].isspace() for text in texts):
        return "".join(texts)
    return "".join([*texts[:1], *(spacing(before, after) + after for before, after in pairwise(texts))])


def spacing(before: str, after: str) -> str:
    """The blank between two texts, or "" where there is one already or the language writes none."""
    is_apart = before[-1:].isspace() or after[:1].isspace()
    is_unspaced = _ENDS_UNSPACED.search(before[-1:]) or starts_unspaced(after)
    return "" if is_apart or is_unspaced else " "


# The languages of Whisper (openai/whisper, whisper/tokenizer.py).
_LANGUAGES = """
en english,zh chinese,de german,es spanish,ru russian,ko korean,fr french,ja japanese,pt portuguese,
tr turkish,pl polish,ca catalan,nl dutch,ar arabic,sv swedish,it italian,id indonesian,hi hindi,fi finnish,
vi vietnamese,he hebrew,uk ukrainian,el greek,ms malay,cs czech,ro romanian,da danish,hu hungarian,ta tamil,
no norwegian,th thai,ur urdu,hr croatian,bg bulgarian,lt lithuanian,la latin,mi maori,ml malayalam,cy welsh,
sk slovak,te telugu,fa persian,lv latvian,bn bengali,sr serbian,az azerbaijani,sl slovenian,kn kannada,
et estonian,mk macedonian,br breton,eu basque,is icelandic,hy armenian,ne nepali,mn mongolian,bs bosnian,
kk kazakh,sq albanian,sw swahili,gl galician,mr marathi,pa punjabi,si sinhala,km khmer,sn shona,yo yoruba,
so somali,af afrikaans,oc occitan,ka georgian,be belarusian,tg tajik,sd sindhi,gu gujarati,am amharic,
yi yiddish,lo lao,uz uzbek,fo faroese,ht haitian creole,ps pashto,tk turkmen,nn nynorsk,mt maltese,
sa sanskrit,lb luxembourgish,my myanmar,bo tibetan,tl tagalog,mg malagasy,as assamese,tt tatar,haw hawaiian,
ln lingala,ha hausa,ba bashkir,jw javanese,su sundanese,yue cantonese
"""
_LANGUAGE_CODES = {
    name: code for code, _, name in (entry.strip().partition(" ") for entry in _LANGUAGES.split(","))
}
