"""Orders of the three channels. So far the till: sale, payment and goods in one step."""
