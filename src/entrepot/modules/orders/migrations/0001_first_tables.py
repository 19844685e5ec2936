"""orders: first tables."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(TABLES)
    secure("orders.sales_order", entity="order")
    secure("orders.order_line")
    secure("orders.receipt")


TABLES = """
CREATE TABLE orders.sales_order (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    custom JSONB DEFAULT '{}'::jsonb NOT NULL,
    number TEXT NOT NULL,
    client_id TEXT,
    entity_id UUID NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT DEFAULT 'sale' NOT NULL,
    state TEXT NOT NULL,
    customer_id UUID,
    customer_name TEXT DEFAULT '' NOT NULL,
    customer_email TEXT DEFAULT '' NOT NULL,
    pricing_tier TEXT DEFAULT 'retail' NOT NULL,
    warehouse_id UUID NOT NULL,
    store_id TEXT,
    terminal_id TEXT,
    cashier_id TEXT,
    currency TEXT NOT NULL,
    subtotal NUMERIC NOT NULL,
    tax_total NUMERIC NOT NULL,
    discount_total NUMERIC DEFAULT '0' NOT NULL,
    total NUMERIC NOT NULL,
    prices_include_tax BOOLEAN DEFAULT true NOT NULL,
    taxes JSONB DEFAULT '[]'::jsonb NOT NULL,
    payment_status TEXT DEFAULT 'pending' NOT NULL,
    fulfillment_status TEXT DEFAULT 'pending' NOT NULL,
    billing_status TEXT DEFAULT 'pending' NOT NULL,
    shipping_address JSONB,
    billing_address JSONB,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_by UUID,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    cancel_reason TEXT,
    auto_cancelled BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT sales_order_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX sales_order_channel_state_idx ON orders.sales_order (tenant_id, channel, state);
CREATE UNIQUE INDEX sales_order_client_id_key ON orders.sales_order (tenant_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX sales_order_customer_id_idx ON orders.sales_order (tenant_id, customer_id) WHERE customer_id IS NOT NULL;
CREATE UNIQUE INDEX sales_order_entity_id_number_key ON orders.sales_order (tenant_id, entity_id, number);
CREATE INDEX sales_order_placed_at_id_idx ON orders.sales_order (tenant_id, placed_at DESC, id DESC);
CREATE INDEX sales_order_state_placed_at_idx ON orders.sales_order (tenant_id, state, placed_at DESC);
CREATE TABLE orders.order_line (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    order_id UUID NOT NULL,
    position BIGINT NOT NULL,
    id UUID NOT NULL,
    variant_id UUID,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    unit_price NUMERIC NOT NULL,
    discount NUMERIC DEFAULT '0' NOT NULL,
    net NUMERIC NOT NULL,
    tax NUMERIC NOT NULL,
    gross NUMERIC NOT NULL,
    tax_code TEXT NOT NULL,
    tax_rate NUMERIC NOT NULL,
    stocked BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT order_line_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX order_line_order_id_position_key ON orders.order_line (tenant_id, order_id, position);
CREATE TABLE orders.receipt (
    tenant_id UUID DEFAULT nullif(current_setting('app.tenant', true), '')::uuid NOT NULL,
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    document_id UUID NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT receipt_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX receipt_order_id_key ON orders.receipt (tenant_id, order_id);
"""
