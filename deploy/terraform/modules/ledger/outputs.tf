output "table_name" {
  value       = aws_dynamodb_table.ledger.name
  description = "The table's name, once it is there."
}
