"""The list of what an installation is made of, in SPDX 2.3's JSON form."""

import hashlib
import json
from datetime import datetime, timezone
from urllib.parse import quote

TEXTS = {"LicenseRef-public-domain": "The authors have put this work into the public domain; the copyright file "
                                     "beside the other licences has their words."}


def identifier(*words):
    return "SPDXRef-" + "-".join("".join(c if c.isalnum() or c in ".-" else "-" for c in word) for word in words)


def package(component, listed):
    """listed: the entries of all files; those of the component count as all of it that is here."""
    where = f"pkg:deb/debian/{quote(component.name)}@{quote(component.version, safe='')}?distro={component.suite}"
    if component.part == "image":  # the sources were compiled for another machine
        where = f"pkg:deb/debian/{quote(component.source)}@{quote(component.source_version, safe='')}" \
                f"?arch=source&distro={component.suite}"
    own = [one for one in listed if one["fileName"].removeprefix("./lib/cloche/") in component.files]
    digests = sorted(one["checksums"][0]["checksumValue"] for one in own)
    code = {"packageVerificationCode": {
        "packageVerificationCodeValue": hashlib.sha1("".join(digests).encode()).hexdigest()}}  # clause 7.9
    return {
        "SPDXID": identifier(component.part, component.name),
        "name": component.name,
        "versionInfo": component.version,
        "supplier": "Organization: Debian",
        "originator": "NOASSERTION",
        "downloadLocation": "https://snapshot.debian.org/package/"
                            f"{quote(component.source)}/{quote(component.source_version, safe='')}/",
        "filesAnalyzed": bool(own),
        **(code if own else {}),
        "sourceInfo": f"Debian's source package {component.source} {component.source_version}; here in the "
                      f"{component.part}",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": component.licence,
        "copyrightText": "NOASSERTION",
        "comment": f"licences/{component.name} beside this file has the licence",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": where}],
    }


def file(name, path):
    data = path.read_bytes()
    return {"SPDXID": identifier("file", name.replace("/", "-")), "fileName": f"./{name}",
            "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
                          {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()}],
            "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION"}


def relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def document(version, epoch, components, files):
    """files: {name below the prefix: where it is now}. The same arguments give the same text."""
    own = identifier("cloche")
    image = identifier("file", "share-cloche-python.image")
    packages = [{
        "SPDXID": own, "name": "cloche", "versionInfo": version, "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
    }]
    relations = [relation("SPDXRef-DOCUMENT", "DESCRIBES", own)]
    listed = [file(name, path) for name, path in sorted(files.items())]
    if image in {one["SPDXID"] for one in listed}:
        relations.append(relation(image, "DATA_FILE_OF", own))
    for component in components:
        packages.append(package(component, listed))
        its = packages[-1]["SPDXID"]
        for name in component.files:
            relations.append(relation(its, "CONTAINS", identifier("file", f"lib-cloche-{name}")))
        if component.part == "image":
            relations.append(relation(image, "GENERATED_FROM", its))
        relations.append(relation(own, "STATIC_LINK" if component.part == "program" else "CONTAINS", its))
    used = {component.licence for component in components}
    body = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"cloche-{version}",
        "creationInfo": {"created": datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": [f"Tool: cloche-make-dist-{version}"]},
        "packages": packages, "files": listed, "relationships": relations,
        "hasExtractedLicensingInfos": [{"licenseId": name, "extractedText": text} for name, text in TEXTS.items()
                                       if any(name in one for one in used)],
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    body["documentNamespace"] = f"https://spdx.org/spdxdocs/cloche-{version}-{digest[:32]}"
    return json.dumps(body, indent=1) + "\n"
