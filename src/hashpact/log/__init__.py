"""The log: RFC 6962 trees and C2SP signed notes, as pure functions over integers and bytes."""
