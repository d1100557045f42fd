"""What each tool writes of the same two spectra, scans 17 and 19 of the run `run`, and of a decoy in scan 21."""

# ruff: noqa: E501


def table(*rows: str) -> str:
    """Lines whose cells are separated by blanks that are at least two."""
    return "\n".join("\t".join("" if cell == "-" else cell for cell in row.split("  ")) for row in rows) + "\n"


MSMS = table(
    "Raw file  Scan number  Sequence  Modified sequence  Proteins  Charge  m/z  Retention time  PEP  Score  Reverse",
    "run  17  ACDEMK  _(Acetyl (Protein N-term))ACDEM(Oxidation (M))K_  P1  2  400  1.0  0.001  90  -",
    "run  19  SAMPLER  _SAMPLER_  P2  2  400  1.0  0.001  90  -",
    "run  21  PEPTIDEK  _PEPTIDEK_  REV__P3  2  400  1.0  0.9  9  +",
)
EVIDENCE = table(
    "Sequence  Modified sequence  Raw file  Charge  m/z  MS/MS scan number  PEP  Score  Reverse",
    "ACDEMK  _(ac)ACDEM(ox)K_  run  2  400  17  0.001  90  -",
    "SAMPLER  _SAMPLER_  run  2  400  19  0.001  90  -",
    "SAMPLER  _SAMPLER_  run  2  400  -  NaN  NaN  -",
    "PEPTIDEK  _PEPTIDEK_  run  2  400  21  0.9  9  +",
)
DISCOVERER = table(
    '"Confidence"  "Annotated Sequence"  "Modifications"  "Charge"  "First Scan"  "Spectrum File"  "Percolator q-Value"',
    '"High"  "[K].acDEmK.[R]"  "N-Term(Prot)(Acetyl); C2(Carbamidomethyl); M5(Oxidation)"  "2"  "17"  "run.raw"  "0.001"',
    '"High"  "[R].SAMPLER.[-]"  ""  "2"  "19"  "run.raw"  "0.001"',
    '"Low"  "[R].PEPTIDEK.[-]"  ""  "2"  "21"  "run.raw"  "0.5"',
)
FRAGPIPE = table(
    "Spectrum  Spectrum File  Peptide  Charge  Retention  Observed M/Z  Calibrated Observed M/Z  Hyperscore  Probability"
    "  Assigned Modifications  Protein  Mapped Proteins",
    "run.00017.00017.2  interact-run.pep.xml  ACDEMK  2  60  400  400  30  0.99"
    "  N-term(42.0106), 2C(57.0215), 5M(15.9949)  P1  -",
    "run.00019.00019.2  interact-run.pep.xml  SAMPLER  2  60  400  400  30  0.99  -  P2  -",
)
SAGE = table(
    "psm_id  peptide  proteins  filename  scannr  rank  label  expmass  charge  rt  sage_discriminant_score  spectrum_q",
    "1  [+42.010567]-AC[+57.021465]DEM[+15.994915]K  P1  run.mgf  run.17.17.2  1  1  800  2  1.0  2.5  0.001",
    "2  SAMPLER  P2  run.mgf  run.19.19.2  1  1  800  2  1.0  2.5  0.001",
    "3  PEPTIDEK  P2  run.mgf  run.19.19.2  2  1  800  2  1.0  0.5  0.001",
    "4  PEPTIDEK  rev_P3  run.mgf  run.21.21.2  1  -1  800  2  1.0  0.1  0.5",
)
COMET_PIN = table(
    "SpecId  Label  ScanNr  ExpMass  xcorr  Charge1  Charge2  Peptide  Proteins",
    "/data/run_17_2_1  1  17  800  2.5  0  1  K.n[42.0106]ACDEM[15.9949]K.R  P1",
    "/data/run_19_2_1  1  19  800  2.5  0  1  R.SAMPLER.-  P2",
    "/data/run_19_2_2  1  19  800  0.5  0  1  R.PEPTIDEK.-  P2",
    "/data/run_21_2_1  -1  21  800  2.5  0  1  R.PEPTIDEK.-  DECOY_P3",
)
POUT = table(
    "PSMId  score  q-value  posterior_error_prob  peptide  proteinIds",
    "run_17_2_1  2.5  0.001  0.001  K.n[42.0106]ACDEM[15.9949]K.R  P1",
    "run_19_2_1  2.5  0.001  0.001  R.SAMPLER.-  P2",
    "run_21_2_1  0.1  0.5  0.9  R.PEPTIDEK.-  P3",
)
PEPXML = """<?xml version="1.0" encoding="UTF-8"?>
<msms_pipeline_analysis xmlns="http://regis-web.systemsbiology.net/pepXML"><msms_run_summary base_name="run">
<spectrum_query spectrum="run.00017.00017.2" start_scan="17" end_scan="17" precursor_neutral_mass="800" assumed_charge="2" index="1">
<search_result><search_hit hit_rank="1" peptide="ACDEMK" protein="P1" num_tot_proteins="1" calc_neutral_pep_mass="800" massdiff="0">
<modification_info mod_nterm_mass="43.018390"><mod_aminoacid_mass position="2" mass="160.030649"/>
<mod_aminoacid_mass position="5" mass="147.035400"/></modification_info>
<search_score name="expect" value="0.001"/></search_hit></search_result></spectrum_query>
<spectrum_query spectrum="run.00019.00019.2" start_scan="19" end_scan="19" precursor_neutral_mass="800" assumed_charge="2" index="2">
<search_result><search_hit hit_rank="1" peptide="SAMPLER" protein="P2" num_tot_proteins="1" calc_neutral_pep_mass="800" massdiff="0">
<search_score name="expect" value="0.001"/></search_hit></search_result></spectrum_query>
<spectrum_query spectrum="run.00021.00021.2" start_scan="21" end_scan="21" precursor_neutral_mass="800" assumed_charge="2" index="3">
<search_result><search_hit hit_rank="1" peptide="PEPTIDEK" protein="rev_P3" num_tot_proteins="1" calc_neutral_pep_mass="800" massdiff="0">
<search_score name="expect" value="0.001"/></search_hit></search_result></spectrum_query>
</msms_run_summary></msms_pipeline_analysis>
"""


def mzid(first: str, second: str) -> str:
    """mzIdentML 1.1 of two spectra, called so."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<MzIdentML xmlns="http://psidev.info/psi/pi/mzIdentML/1.1" id="x" version="1.1.0" creationDate="2026-01-01T00:00:00">
<AnalysisSoftwareList><AnalysisSoftware id="S" name="MS-GF+"/></AnalysisSoftwareList>
<SequenceCollection><DBSequence id="D1" accession="P1" searchDatabase_ref="DB"/>
<DBSequence id="D2" accession="XXX_P3" searchDatabase_ref="DB"/>
<Peptide id="P_1"><PeptideSequence>ACDEMK</PeptideSequence>
<Modification location="0" monoisotopicMassDelta="42.010565"><cvParam cvRef="UNIMOD" accession="UNIMOD:1" name="Acetyl"/></Modification>
<Modification location="2" residues="C" monoisotopicMassDelta="57.021464"><cvParam cvRef="UNIMOD" accession="UNIMOD:4" name="Carbamidomethyl"/></Modification>
<Modification location="5" residues="M" monoisotopicMassDelta="15.994915"><cvParam cvRef="UNIMOD" accession="UNIMOD:35" name="Oxidation"/></Modification></Peptide>
<Peptide id="P_2"><PeptideSequence>SAMPLER</PeptideSequence></Peptide>
<Peptide id="P_3"><PeptideSequence>PEPTIDEK</PeptideSequence></Peptide>
<PeptideEvidence id="E1" peptide_ref="P_1" dBSequence_ref="D1" isDecoy="false"/>
<PeptideEvidence id="E2" peptide_ref="P_2" dBSequence_ref="D1" isDecoy="false"/>
<PeptideEvidence id="E3" peptide_ref="P_3" dBSequence_ref="D2" isDecoy="true"/></SequenceCollection>
<DataCollection><Inputs><SearchDatabase id="DB" location="db.fasta"/><SpectraData id="SD" location="file:///x/run.mgf"/></Inputs>
<AnalysisData><SpectrumIdentificationList id="L">{_result(1, first, 1)}{_result(2, second, 2)}{_result(3, second, 3, rank=2)}
</SpectrumIdentificationList></AnalysisData></DataCollection></MzIdentML>
"""


def _result(number: int, spectrum: str, peptide: int, rank: int = 1) -> str:
    return f"""<SpectrumIdentificationResult id="R{number}" spectrumID="{spectrum}" spectraData_ref="SD">
<SpectrumIdentificationItem id="I{number}" rank="{rank}" chargeState="2" experimentalMassToCharge="400" peptide_ref="P_{peptide}" passThreshold="true">
<PeptideEvidenceRef peptideEvidence_ref="E{peptide}"/><cvParam cvRef="PSI-MS" accession="MS:1002054" name="MS-GF:QValue" value="0.001"/>
</SpectrumIdentificationItem></SpectrumIdentificationResult>"""


IDXML = (
    '<?xml version="1.0" encoding="UTF-8"?><IdXML version="1.5"><SearchParameters id="SP_0" db="" db_version="" '
    'taxonomy="" mass_type="monoisotopic" charges="" enzyme="trypsin" missed_cleavages="1" precursor_peak_tolerance="5" '
    'peak_mass_tolerance="5"/><IdentificationRun date="2026-01-01T00:00:00" search_engine="Comet" '
    'search_engine_version="1" search_parameters_ref="SP_0"><ProteinIdentification score_type="" '
    'higher_score_better="true" significance_threshold="0"><ProteinHit id="PH_0" accession="P1" score="0" sequence=""/>'
    '</ProteinIdentification><PeptideIdentification score_type="q-value" higher_score_better="false" '
    'significance_threshold="0" MZ="400" RT="1" spectrum_reference="scan=17"><PeptideHit score="0.001" '
    'sequence=".(Acetyl)AC(Carbamidomethyl)DEM(Oxidation)K" charge="2" protein_refs="PH_0"/></PeptideIdentification>'
    "</IdentificationRun></IdXML>"
)
FILES = {
    "msms.txt": MSMS,
    "evidence.txt": EVIDENCE,
    "job_PSMs.txt": DISCOVERER,
    "psm.tsv": FRAGPIPE,
    "results.sage.tsv": SAGE,
    "comet.pin": COMET_PIN,
    "percolator.tsv": POUT,
    "interact.pep.xml": PEPXML,
    "by_scan.mzid": mzid("scan=17", "scan=19"),
    "by_place.mzid": mzid("index=0", "index=1"),
}
