"""What `tx config extensions add hashpact_tx.manifest` loads."""

from threatexchange.extensions.manifest import ThreatExchangeExtensionManifest

from hashpact_tx.exchange import HashpactSignalExchangeAPI

TX_MANIFEST = ThreatExchangeExtensionManifest(apis=(HashpactSignalExchangeAPI,))
