"""What search engines found: their files, read and joined with the spectra."""

from data.identifications.files import IdentificationFile, read_identifications
from data.identifications.identification import Identification
from data.identifications.joining import Join, JoinSettings

__all__ = ["Identification", "IdentificationFile", "Join", "JoinSettings", "read_identifications"]
