"""The log: RFC 6962 trees and the texts that C2SP puts around them, as pure functions of bytes."""
