"""Raw data of instruments, which their makers' libraries alone can read: recognised, and how to convert them."""

from pathlib import Path

from data.errors import InputError

_FINNIGAN = b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_THERMO = (
    "Convert it to mzML: `ThermoRawFileParser -i={name} -f=2`, "
    'or ProteoWizard\'s `msconvert {name} --mzML --filter "peakPicking vendor msLevel=2-"`'
)
_MSCONVERT = 'Convert it to mzML with ProteoWizard: `msconvert {name} --mzML --filter "peakPicking vendor msLevel=2-"`'
_BRUKER = _MSCONVERT + ", with `--combineIonMobilitySpectra` for timsTOF; or export MGF from DataAnalysis"


def raw_data_error(path: Path, head: bytes = b"") -> InputError | None:
    """The error for raw data, with how to convert them; None where it is none.

    Parameters
    ----------
    head : the first bytes of a file.
    """
    kind = path.suffix.lower()
    if path.is_dir():
        if kind == ".d":
            is_agilent = (path / "AcqData").is_dir()
            maker, remedy = ("an Agilent", _MSCONVERT) if is_agilent else ("a Bruker or Agilent", _BRUKER)
        elif kind == ".raw":
            maker, remedy = "a Waters", _MSCONVERT
        else:
            return None
    elif head.startswith(_FINNIGAN):
        maker, remedy = "a Thermo", _THERMO
    elif kind in (".tdf", ".tdf_bin", ".tsf", ".baf", ".yep"):
        path, maker, remedy = path.parent, "a Bruker", _BRUKER
    elif kind in (".wiff", ".wiff2", ".scan") and (head.startswith(_OLE2) or b"\0" in head):
        maker, remedy = "a SCIEX", _MSCONVERT
    else:
        return None
    return InputError(
        f"is raw data of {maker} instrument, which only the maker's own library reads",
        path=path,
        remedy=remedy.format(name=path.name),
    )
