"""The pages outside of Flex: who is logged in, for which organisation, and what they find there."""
