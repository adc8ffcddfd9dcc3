mock_provider "aws" {}

variables {
  table = "keysteward"
}

run "is_protected_and_backed_up" {
  assert {
    condition = (
      aws_dynamodb_table.ledger.deletion_protection_enabled &&
      aws_dynamodb_table.ledger.point_in_time_recovery[0].enabled &&
      aws_dynamodb_table.ledger.billing_mode == "PAY_PER_REQUEST"
    )
    error_message = "Who loses the ledger tells everybody everything again."
  }
}
